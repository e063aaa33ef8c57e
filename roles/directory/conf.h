#ifndef DIRECTORY_CONF_H
#define DIRECTORY_CONF_H
/* conf - the directory's own settings */
#include "common/conf/conf.h"

extern const struct conf_item directory_items[];
extern const size_t directory_n_items;
#endif
