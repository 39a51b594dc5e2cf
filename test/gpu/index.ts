/** @file The GPU suites that every runtime runs. A new suite is added here. */

import conv2d from './conv2d.suite.ts';
import dbHead from './db-head.suite.ts';
import deform from './deform.suite.ts';
import detector from './detector.suite.ts';
import disposal from './disposal.suite.ts';
import frames from './frames.suite.ts';
import layers from './layers.suite.ts';
import loss from './loss.suite.ts';
import mobile from './mobile.suite.ts';
import models from './models.suite.ts';
import network from './network.suite.ts';
import opening from './opening.suite.ts';
import preprocess from './preprocess.suite.ts';
import runtime from './runtime.suite.ts';
import selfTest from './self-test.suite.ts';
import smoke from './smoke.suite.ts';
import steady from './steady.suite.ts';
import type { GpuSuite } from './suite.ts';
import trainingConvolution from './training/convolution.suite.ts';
import trainingLayers from './training/layers.suite.ts';
import trainingLoss from './training/loss.suite.ts';
import trainingOptimizer from './training/optimizer.suite.ts';
import trainingStep from './training/step.suite.ts';
import trainingTrainer from './training/trainer.suite.ts';
import tuning from './tuning.suite.ts';
import winograd from './winograd.suite.ts';

export const suites: GpuSuite[] = [
  { name: 'smoke', tests: smoke },
  { name: 'runtime', tests: runtime },
  { name: 'preprocess', tests: preprocess },
  { name: 'conv2d', tests: conv2d },
  { name: 'layers', tests: layers },
  { name: 'db-head', tests: dbHead },
  { name: 'mobile', tests: mobile },
  { name: 'deform', tests: deform },
  { name: 'network', tests: network },
  { name: 'models', tests: models },
  { name: 'detector', tests: detector },
  { name: 'frames', tests: frames },
  { name: 'opening', tests: opening },
  { name: 'disposal', tests: disposal },
  { name: 'loss', tests: loss },
  { name: 'steady', tests: steady },
  { name: 'tuning', tests: tuning },
  { name: 'self-test', tests: selfTest },
  { name: 'winograd', tests: winograd },
  { name: 'training: convolution', tests: trainingConvolution },
  { name: 'training: layers', tests: trainingLayers },
  { name: 'training: loss', tests: trainingLoss },
  { name: 'training: optimizer', tests: trainingOptimizer },
  { name: 'training: step', tests: trainingStep },
  { name: 'training: trainer', tests: trainingTrainer },
];
