#include "base/rc.h"

typedef int values_placeholder;
