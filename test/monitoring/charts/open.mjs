// Loads what draws.
import { openStudio } from '../../../src/monitoring/charts/drawing.ts';

await openStudio();
