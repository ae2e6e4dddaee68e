export const metricDirections = ['higher', 'lower'] as const;
export type MetricDirection = (typeof metricDirections)[number];

const higher =
  /(^|_)(accuracy|acc|auc|auroc|auprc|ap|map|precision|recall|sensitivity|specificity|f1|f2|fbeta|f_beta|r2|r_squared|explained_variance|kappa|mcc|matthews|jaccard|iou|ndcg|mrr|gini|ks|lift|hit_rate|average_precision|bleu|rouge|gain|balanced_accuracy|silhouette|throughput|likelihood)(_|$)/;
const lower =
  /(^|_)(loss|logloss|log_loss|error|err|mae|mse|rmse|rmsle|msle|mape|smape|wape|medae|brier|deviance|perplexity|cross_entropy|crossentropy|hinge|ece|calibration_error|latency|duration|time|fpr|fnr|wer|cer|aic|bic|divergence|distance|davies_bouldin)(_|$)/;

/**
 * Whether more or less of a metric is better, by the names the field knows ("val_log_loss", "test AUC",
 * "neg_mean_squared_error"); undefined for a name it does not.
 */
export function metricDirection(name: string): MetricDirection | undefined {
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replace(/²/g, '2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase();
  // scikit-learn's scorers turn losses round, so that more is better.
  if (words.startsWith('neg_')) return 'higher';
  const isLower = lower.test(words);
  if (isLower) return 'lower';
  return higher.test(words) ? 'higher' : undefined;
}
