import type { PredictAnswer, PredictRequest } from './predict.ts';

/** Hears of every predict call when it is over. */
export interface CallObserver {
  answered(request: PredictRequest, answer: PredictAnswer): void;
  failed(request: PredictRequest, error: unknown): void;
}

/** `predict`, of whose calls an observer hears. */
export function observed(
  predict: (request: PredictRequest) => Promise<PredictAnswer>,
  observer: () => CallObserver | undefined,
): (request: PredictRequest) => Promise<PredictAnswer> {
  return (request) => {
    const hearing = observer();
    return hearing === undefined ? predict(request) : heard(predict(request), request, hearing);
  };
}

async function heard(
  answering: Promise<PredictAnswer>,
  request: PredictRequest,
  observer: CallObserver,
): Promise<PredictAnswer> {
  try {
    const answer = await answering;
    observer.answered(request, answer);
    return answer;
  } catch (error) {
    observer.failed(request, error);
    throw error;
  }
}
