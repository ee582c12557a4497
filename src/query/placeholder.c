#include "base/rc.h"

typedef int query_placeholder;
