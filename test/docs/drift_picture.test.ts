import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { faster, nbaFile, readExample } from '../../examples/nba/games.ts';
import { startServer } from '../e2e/client.ts';
import { repository } from './guide.ts';

/** `UPDATE_GUIDE=1 npx vitest run test/docs` draws it again. */
test('the picture in the README is what detect_drift draws of the example', async () => {
  const file = join(repository, 'docs', 'images', 'drift.png');
  const server = await startServer();
  const { versions, season } = await readExample();
  const model_id = 'nba-home-win';
  await server.call('deploy_model', { model_id, version: '1', ...versions.v2 });
  await server.call('set_reference_data', { model_id, path: nbaFile('reference.csv') });
  const { content } = await server.attempt('detect_drift', {
    model_id,
    target: 'features',
    features: ['home_points_last10', 'home_rest_days', 'net_rating_difference'],
    current_data: season.map(({ features }) => faster(features)),
    chart: true,
  });
  await server.close();
  const [picture] = content.flatMap((part) =>
    part.type === 'image' ? Buffer.from(part.data, 'base64') : [],
  );
  expect(picture?.subarray(1, 4).toString()).toBe('PNG');
  if (picture !== undefined && process.env.UPDATE_GUIDE === '1') writeFileSync(file, picture);
  expect(picture?.equals(readFileSync(file))).toBe(true);
});
