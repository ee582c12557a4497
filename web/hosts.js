// The hosts there are, each with a link to what is known of it.
'use strict';

async function show() {
	const reply = await fetch('../hosts');
	if (!reply.ok)
		throw new Error('the storage answered ' + reply.status);
	const hosts = await reply.json();
	for (const id of Object.keys(hosts).sort()) {
		const link = document.createElement('a');
		link.href = '../list?host=' + encodeURIComponent(id);
		link.textContent = hosts[id].Name || id;
		const item = document.createElement('li');
		item.append(link);
		document.getElementById('hosts').append(item);
	}
}

show().catch(problem => { document.getElementById('problem').textContent = problem.message; });
