typedef int flush_placeholder;
