const output = document.querySelector('output');
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
worker.addEventListener('message', ({ data }) => {
  output.value = data;
});
worker.addEventListener('error', ({ message }) => {
  output.value = message;
});

const send = (message) => {
  output.value = 'Busy.';
  worker.postMessage(message);
};
for (const id of ['weights', 'photo']) {
  document.getElementById(id).addEventListener('change', ({ target }) => send({ [id]: target.files[0] }));
}
document.querySelector('button').addEventListener('click', () => send({ tune: true }));
