/** @file Bytes of code that a page loads. */

import { pageCode } from '../host/host.ts';
import { failedMetric, type Measurement, metric } from './measurement.ts';

export const codeSize: Measurement = {
  name: 'code size',
  group: 'cpu',
  quick: true,
  perSize: false,
  async run({ host }) {
    const size = await host.codeSize();
    const name = 'code of a page, gzipped';
    if (typeof size === 'string')
      return { metrics: [{ ...failedMetric({}, name, 'bytes', ''), error: null, note: size }] };
    return {
      metrics: [
        metric({}, name, 'bytes', size.gzipped, {
          note: `${pageCode.join(' and ')}, ${size.plain} bytes before`,
        }),
      ],
    };
  },
};
