export const metricDirections = ['higher', 'lower'] as const;
export type MetricDirection = (typeof metricDirections)[number];

const higherIsBetter = [
  // Classification.
  'acc|accuracy|auc|auroc|auprc|aucpr|aucroc|rocauc|prauc|ap|map|m_ap|average_precision|balanced_accuracy',
  'precision|recall|sensitivity|specificity|f1|f2|fbeta|f_beta|tpr|tnr|ppv|npv|true_(?:positive|negative)_rate',
  'predictive_value|kappa|mcc|matthews|informedness|youden|g_?mean|jaccard|iou|dice|gini|ks|lift|gain|skill',
  // Regression.
  'r_?2|r_?sq|r_?squared|explained_variance|d_?2|pearson|spearman|kendall|correlation|concordance|c_?index',
  // Rankings, texts, images, densities, clusters.
  'ndcg|dcg|mrr|hit_rate|hit_ratio|bleu|rouge|meteor|exact_match|ssim|psnr|likelihood|elbo|silhouette',
  // Serving.
  'throughput|qps|rps|per_s|per_sec|per_second',
];
const lowerIsBetter = [
  'loss|logloss|error|err|misclassification|hinge|cross_?entropy|deviance|perplexity|nll|brier|hamming|impurity',
  'mae|mse|rmse|nrmse|nmae|rmsle|msle|mape|smape|wape|mdape|medae|mase|rmspe|crps|pinball|aic|bic',
  'ece|calibration_error|fpr|fnr|fdr|eer|false_(?:positive|negative|discovery|omission)_rate|wer|cer|fid',
  'divergence|distance|wasserstein|davies_bouldin|regret|cost|latency|duration|time',
];

/** Whole words, such as one between underscores, also with a number after it: `ndcg@10`, `mAP50`. */
function words(names: readonly string[]): RegExp {
  return new RegExp(`(?<![^_])(?:${names.join('|')})\\d*(?![^_])`, 'g');
}
const higher = words(higherIsBetter);
const lower = words(lowerIsBetter);

/** Endings that make a name something other than the metric: its spread or difference, or where it was reached. */
const aside =
  /(?<![^_])(std|stdev|stddev|sd|sem|var|(?<!explained_)variance|gap|drop|diff|difference|delta|change|improvement|reduction|increase|decrease|threshold|epoch|step|iteration)$/;

/** scikit-learn's scorers negate losses; but a negative likelihood is a loss. */
const turnedRound =
  /(?<![^_])neg(?:ative)?_(?=negative|log|likelihood|mean|root|median|max|brier|mse|rmse|mae|mape|msle|rmsle|error|loss)/g;

/**
 * Whether more or less of a metric is better, by the names the field knows ("val_log_loss", "test AUC",
 * "neg_mean_squared_error"); undefined for a name it does not. Of two known words the last says what is measured:
 * the "accuracy_loss" is a loss.
 */
export function metricDirection(name: string): MetricDirection | undefined {
  const text = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/²/g, '2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
    .toLowerCase();
  if (aside.test(text)) return undefined;
  const [ups, downs] = [lastEnd(text, higher), lastEnd(text, lower)];
  if (ups === downs) return undefined;
  // A coefficient of determination for any loss: scikit-learn's d2_absolute_error_score.
  const isHigher = ups > downs || /(?<![^_])d2_/.test(text);
  const turns = text.match(turnedRound)?.length ?? 0;
  return isHigher === (turns % 2 === 0) ? 'higher' : 'lower';
}

/** Where the last match ends; -1 without one. */
function lastEnd(text: string, pattern: RegExp): number {
  return Math.max(-1, ...Array.from(text.matchAll(pattern), (match) => match.index + match[0].length));
}
