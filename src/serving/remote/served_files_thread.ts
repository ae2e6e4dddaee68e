/** A thread that reads models for engines of other machines: one of a gigabyte holds a thread up. */
import { existsSync } from 'node:fs';
import { damagedArtifact } from '../../storage/artifact.ts';
import { serveTasks } from '../../threads/serve_tasks.ts';
import { readArtifact } from '../engine/read_artifact.ts';
import { engineGraph } from '../graph/engine_graph.ts';
import type { ServedFilesTasks } from './served_files.ts';

serveTasks<ServedFilesTasks>({
  read({ path, sha256, withBytes }) {
    const stored = readArtifact(path, sha256);
    if (stored === undefined) throw damagedArtifact(sha256, !existsSync(path));
    const { graph, bytes } = engineGraph(stored.model, { isPacked: stored.tensors !== undefined });
    const dimensions = graph.inputs.flatMap(({ name, dimensionNames }) => {
      const names = dimensionNames.map((given) => (given === '' ? null : given));
      return graph.initializers.has(name) || names.every((given) => given === null)
        ? []
        : [{ input: name, names }];
    });
    const beside = (stored.tensors ?? []).map(({ path: name, data }) => ({ name, bytes: data }));
    return { files: withBytes ? [{ name: 'model.onnx', bytes }, ...beside] : [], dimensions };
  },
});
