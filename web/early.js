/**
 * Runs before the rest of the page is there: asks for what the first view needs, so that the answers come while the
 * browser still reads the other modules. api_get() takes them from here.
 */
import { api_ask_early } from './api.js';
import { state_parse } from './state.js';

const { hosts } = state_parse(location.hash);

api_ask_early('hosts');
api_ask_early('last-seen');
for (const host of hosts.slice(0, 4)) {
	api_ask_early('list', { host });
	api_ask_early('last-seen', { host });
}
if (!hosts.length)
	api_ask_early('categories');
