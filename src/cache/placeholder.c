typedef int cache_placeholder;
