// Vite 7's dev server would move the package's files away from the weights.
export default { optimizeDeps: { exclude: ['dbnet-webgpu'] } };
