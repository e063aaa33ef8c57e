#ifndef AUTH_TOKENS_H
#define AUTH_TOKENS_H
/*
 * Keys and tokens made by python-cryptography.  Claims: iss https://id.example.test, aud
 * imap and other, sub 4711, email ann@a.test (verified), nbf 1000000, exp 2000000, scope
 * "openid mail".
 */
#define JWK_RSA \
	"{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"r1\",\"n\":\"rYvfua" \
	"HzXnI5Dyo4mh64Ll_3ahWn4fWy90Nc35exKo2JIrzI_cImNOTIF9chCFQrHQRZvthnKn8Zpk22ZTIbbG" \
	"RxV0tsnm7PsPK0XSi9hlWAmzjT9LKWvI3qVD9x5wKcfmqxVnL0svCyhtXDGqT6LOpOrJcRT_2KIg4Jeo" \
	"YxElsEx0OHj2vEyC3xxxLsOG0EG9Fich-an4YgPTj4bNnEUaM3A8riYqhVkvhMiL2mQ_zFOXY8PiYxkL" \
	"o3RFKOZXi6Gkg2Zlw3k6trHWf6DF5n4cIPGrtnn1tVEQ9YNaW9Cl68S99ujblUAYUghX-yDF5iok0o9O" \
	"eR9699KHxieStOpQ\",\"e\":\"AQAB\"}"
#define TOKEN_RSA \
	"eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJSUzI1NiIsICJraWQiOiAicjEifQ.eyJpc3MiOiAiaHR0cHM6L" \
	"y9pZC5leGFtcGxlLnRlc3QiLCAiYXVkIjogWyJpbWFwIiwgIm90aGVyIl0sICJzdWIiOiAiNDcxMSIsI" \
	"CJlbWFpbCI6ICJhbm5AYS50ZXN0IiwgImVtYWlsX3ZlcmlmaWVkIjogdHJ1ZSwgIm5iZiI6IDEwMDAwM" \
	"DAsICJleHAiOiAyMDAwMDAwLCAic2NvcGUiOiAib3BlbmlkIG1haWwifQ.F8QDFLna_RFq9z__xNQ4u2" \
	"9n6QEh2QL0pivesaUodg9gBFBJjk3-vWxkUmsK9m5msSW5Ym3-5JPn1GtN7kIuXN-OroxGi17xNIpBvn" \
	"3-LM6GJwzuWVGWYAPuSlYC1mYd9Z6G0Zo2tjyJvPyxLtfzhGDO1AhA1k3x6nsj-v3THXzlTKhnvqxo1g" \
	"zHb3aRT_z38ntQzsuqErd8YdQUWwTfx_ukEVUHxkkVQbwbYtdtsEJ08Ts6EI4IWPUB9bWRDK9aR7sUEl" \
	"OlUUsuO8-k8bZqlvzS581uOwYOI8_5sQHos6ylIhHTIltCk9ZbU5QR0VOtZomvfdciNqaRzVOnOpKxwA"
#define JWK_EC \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e1\",\"x\":\"tSRGrbQks4GaKU4oXKUYXCY" \
	"4q1wt2uYsqC7v-GHB5R0\",\"y\":\"V9Lcb4ve6EX1z1BF4VJ5w0e4QFOJX2dvkaUQWUZZhCE\"}"
#define TOKEN_EC \
	"eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJFUzI1NiIsICJraWQiOiAiZTEifQ.eyJpc3MiOiAiaHR0cHM6L" \
	"y9pZC5leGFtcGxlLnRlc3QiLCAiYXVkIjogWyJpbWFwIiwgIm90aGVyIl0sICJzdWIiOiAiNDcxMSIsI" \
	"CJlbWFpbCI6ICJhbm5AYS50ZXN0IiwgImVtYWlsX3ZlcmlmaWVkIjogdHJ1ZSwgIm5iZiI6IDEwMDAwM" \
	"DAsICJleHAiOiAyMDAwMDAwLCAic2NvcGUiOiAib3BlbmlkIG1haWwifQ.gM-BtCTZf0rRwzwXAhQ7eC" \
	"7yhdmL9us36q0aHbFq5KtU3yvslWW2UtGY825M3-bV7KNeUx6tXM6geQhE1FCebA"
#define JWK_ED \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"d1\",\"x\":\"syVgQhYTwo0qUQKNjJxb" \
	"9Rn6bERqhMnx51bg7Cw7qT8\"}"
#define TOKEN_ED \
	"eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJFZERTQSIsICJraWQiOiAiZDEifQ.eyJpc3MiOiAiaHR0cHM6L" \
	"y9pZC5leGFtcGxlLnRlc3QiLCAiYXVkIjogWyJpbWFwIiwgIm90aGVyIl0sICJzdWIiOiAiNDcxMSIsI" \
	"CJlbWFpbCI6ICJhbm5AYS50ZXN0IiwgImVtYWlsX3ZlcmlmaWVkIjogdHJ1ZSwgIm5iZiI6IDEwMDAwM" \
	"DAsICJleHAiOiAyMDAwMDAwLCAic2NvcGUiOiAib3BlbmlkIG1haWwifQ.BCDWEVgd_pjRV8E3WEqQda" \
	"RClq4ug4AEABHwQLh4AAn2jOi06yjYjJKhez4jH8PZ_9e0DIMuBpr8Ai1ZFXIFCw"
#define JWK_RSA_1024 \
	"{\"kty\":\"RSA\",\"n\":\"pmQCilccLQBFz3FAHb_HYXwsadQnCp1dYQDwx8t6ZQwnlEF8rfbNc78" \
	"AUolVisLIi27IeAYXt5H4WvqknqMyV69C01LdTG6ABtj5Me1XTBk-L5eVAQ8kh6xSSYuERcLwl3N2dzB" \
	"9c-YAnSDK6mQ9UwaqTL_WI15hQvrXNuBIVfs\",\"e\":\"AQAB\"}"
#endif
