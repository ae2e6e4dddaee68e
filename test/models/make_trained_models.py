"""Writes small models trained with scikit-learn, LightGBM and XGBoost, and expected_trained.json.

    python make_trained_models.py            write every model and expected_trained.json
    python make_trained_models.py --check    rebuild in memory and compare with the committed files

The expected predictions are those of the training library, on the very estimator that was converted:
predict, predict_proba, decision_function, transform. Features are multiples of 1/4, which float32 holds
exactly, so that no split of a tree falls between float32 and float64.
"""

import sys
import warnings

import numpy as np
import pandas as pd
from onnx import helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

from expectations import Expectations, plain

warnings.filterwarnings("ignore")
e = Expectations()
rng = np.random.RandomState(11)
NAMES = ["a", "b", "c", "d"]
X = (rng.randint(0, 41, size=(120, 4)) / 4).astype(np.float32)
KIND = (X[:, 0] + X[:, 1] > 9).astype(int) + (X[:, 2] > X[:, 3])
FLAG = X[:, 0] + X[:, 3] > 8
CODED = np.array([1, 2, 5])[KIND]
NAMED = np.array(["high", "low", "medium"])[KIND]
TARGET = X[:, 0] * 2 - X[:, 1] + X[:, 2] / 2
SEVERAL = np.stack([X[:, 0] > 5, X[:, 1] > 4, X[:, 2] > 3], axis=1).astype(int)
GAPS = X.copy()
GAPS[rng.rand(*X.shape) < 0.15] = np.nan
ROWS = np.array(
    [[9, 8.5, 7, 1], [1, 2, 3, 4], [5, 0.25, 9, 2.5], [0, 0, 0, 0], [9.75, 9.75, 0, 10]], dtype=np.float32
)
GAP_ROWS = ROWS.copy()
GAP_ROWS[1, 0] = GAP_ROWS[2, 1] = GAP_ROWS[2, 3] = np.nan
GAP_ROWS[3] = np.nan


def normalised(model):
    """The same bytes every time: versions away, opsets in order."""
    model.ClearField("producer_version")
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(d, opsets[d]) for d in sorted(opsets))
    return model.SerializeToString(deterministic=True)


def records_of(rows, names=NAMES):
    return [{name: plain(value) for name, value in zip(names, row)} for row in rows]


def labelled(values, probabilities=None, classes=(), scores=None):
    predictions = [{"value": plain(value)} for value in values]
    for row, prediction in enumerate(predictions):
        if probabilities is not None:
            prediction["probabilities"] = {
                str(c): plain(p) for c, p in zip(classes, probabilities[row], strict=True)
            }
        if scores is not None:
            prediction["scores"] = plain(scores[row])
    return predictions


def convert(name, fitted, options=None, types=None, **more):
    types = types or [("features", FloatTensorType([None, 4]))]
    opset = {"": 18, "ai.onnx.ml": 3}
    model = convert_sklearn(fitted, name, types, target_opset=opset, options=options, **more)
    e.add(name, normalised(model))


def classifier(name, fitted, options=None, rows=ROWS, tolerance=1e-5):
    convert(name, fitted, options and {id(fitted): options})
    probabilities = fitted.predict_proba(rows)
    predictions = labelled(fitted.predict(rows), probabilities, fitted.classes_)
    e.predict(name, records_of(rows), predictions, tolerance, feature_names=NAMES)


def rounded(fitted, *attributes):
    """Coefficients of three decimals, so that another machine's last digits change nothing."""
    for attribute in attributes:
        value = getattr(fitted, attribute)
        fixed = [v.round(3) for v in value] if isinstance(value, list) else value.round(3)
        setattr(fitted, attribute, fixed)
    return fitted


def linear_classifiers():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    def logistic(target):
        return rounded(LogisticRegression(C=0.1, max_iter=1000).fit(X, target), "coef_", "intercept_")

    classifier("logistic_binary", logistic(FLAG.astype(int)))
    classifier("logistic_coded", logistic(CODED), {"zipmap": False})
    classifier("logistic_coded_zipmap", logistic(CODED))
    classifier("logistic_named_zipmap", logistic(NAMED))
    classifier("logistic_columns", logistic(NAMED), {"zipmap": "columns"})

    # ONNX has no truth values for classes: the converter makes them 0 and 1, and class_labels names them.
    fitted = logistic(FLAG)
    convert("logistic_bool", fitted)
    values = [str(value) for value in fitted.predict(ROWS)]
    probabilities = fitted.predict_proba(ROWS)
    e.predict(
        "logistic_bool",
        records_of(ROWS),
        labelled(values, probabilities, ["False", "True"]),
        feature_names=NAMES,
        class_labels=["False", "True"],
    )
    e.predict(
        "logistic_bool",
        records_of(ROWS),
        labelled(fitted.predict(ROWS).astype(int), probabilities, [0, 1]),
        feature_names=NAMES,
    )

    fitted = rounded(LinearSVC(C=0.1, random_state=1).fit(X, NAMED), "coef_", "intercept_")
    convert("linear_svc", fitted)
    e.predict(
        "linear_svc",
        records_of(ROWS),
        labelled(fitted.predict(ROWS), scores=fitted.decision_function(ROWS)),
        feature_names=NAMES,
    )
    fitted = LogisticRegression(C=0.1, max_iter=1000).fit(X, CODED)
    convert("logistic_raw_scores", fitted, {id(fitted): {"raw_scores": True}})
    e.predict(
        "logistic_raw_scores",
        records_of(ROWS),
        labelled(fitted.predict(ROWS), scores=fitted.decision_function(ROWS)),
        feature_names=NAMES,
    )
    classifier("calibrated_svc", CalibratedClassifierCV(LinearSVC(C=0.1, random_state=1), cv=2).fit(X, KIND))


def other_classifiers():
    from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, RandomForestClassifier
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    classifier("forest_classifier", RandomForestClassifier(4, max_depth=3, random_state=1).fit(X, KIND))
    classifier("tree_named", DecisionTreeClassifier(max_depth=3, random_state=1).fit(X, NAMED), {"zipmap": False})
    classifier("knn_classifier", KNeighborsClassifier(3).fit(X[:40], KIND[:40]))
    classifier("naive_bayes_coded", GaussianNB().fit(X, CODED), {"zipmap": False}, tolerance=1e-4)
    boosted = GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=1).fit(X, KIND)
    classifier("gradient_boosting", boosted)
    classifier("adaboost", AdaBoostClassifier(n_estimators=3, random_state=1).fit(X, NAMED))
    classifier("one_vs_rest", OneVsRestClassifier(LogisticRegression(C=0.1)).fit(X, CODED))
    network = MLPClassifier((5,), max_iter=60, random_state=1, alpha=0.01).fit(X, NAMED)
    classifier("mlp_classifier", rounded(network, "coefs_", "intercepts_"), tolerance=1e-4)
    network = MLPClassifier((5,), max_iter=60, random_state=1).fit(X, FLAG.astype(int))
    classifier("mlp_binary", rounded(network, "coefs_", "intercepts_"), {"zipmap": False}, tolerance=1e-4)
    classifier("svc_probability", SVC(probability=True, random_state=1).fit(X, NAMED), tolerance=1e-4)

    fitted = SVC().fit(X, CODED)
    convert("svc_scores", fitted)
    e.predict(
        "svc_scores",
        records_of(ROWS),
        labelled(fitted.predict(ROWS), scores=fitted.decision_function(ROWS)),
        1e-4,
        feature_names=NAMES,
    )


def missing_values():
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    settings = {"max_iter": 4, "max_leaf_nodes": 5, "min_samples_leaf": 4, "random_state": 1}
    classifier("hist_gradient_classifier", HistGradientBoostingClassifier(**settings).fit(GAPS, NAMED), rows=GAP_ROWS)
    fitted = HistGradientBoostingRegressor(**settings).fit(GAPS, TARGET)
    convert("hist_gradient_regressor", fitted)
    e.predict(
        "hist_gradient_regressor", records_of(GAP_ROWS), labelled(fitted.predict(GAP_ROWS)), feature_names=NAMES
    )
    pipeline = make_pipeline(SimpleImputer(), LogisticRegression(C=0.1, max_iter=1000)).fit(GAPS, KIND)
    classifier("imputer_pipeline", pipeline, rows=GAP_ROWS)

    # A missing a or b is filled in; a missing c is not.
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer([("filled", filled, ["a", "b"]), ("scaled", StandardScaler(), ["c"])])
    frame = pd.DataFrame(GAPS, columns=NAMES).assign(c=X[:, 2]).astype(np.float64)
    fitted = make_pipeline(columns, LogisticRegression(C=0.1)).fit(frame[["a", "b", "c"]], FLAG.astype(int))
    convert("partly_imputed", fitted, types=[(name, FloatTensorType([None, 1])) for name in "abc"])
    rows = pd.DataFrame({"a": [np.nan, 2, 9], "b": [1, np.nan, 7.5], "c": [3, 4.25, 0]})
    e.predict(
        "partly_imputed",
        records_of(rows.to_numpy(), ["a", "b", "c"]),
        labelled(fitted.predict(rows), fitted.predict_proba(rows), [0, 1]),
        not_nullable=["c"],
    )


def data_frames():
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    towns = np.array(["Oslo", "Bergen", "São Paulo"])
    frame = pd.DataFrame(
        {
            "age_in_years": X[:, 0].astype(np.float64) * 4,
            "visits": rng.randint(0, 9, size=len(X)),
            "town": towns[KIND],
        }
    )
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age_in_years", "visits"]),
            ("town", OneHotEncoder(handle_unknown="ignore"), ["town"]),
        ]
    )
    types = [
        ("age_in_years", FloatTensorType([None, 1])),
        ("visits", Int64TensorType([None, 1])),
        ("town", StringTensorType([None, 1])),
    ]
    rows = pd.DataFrame(
        {"age_in_years": [30.5, 4, 22], "visits": [2, 0, 7], "town": ["Oslo", "São Paulo", "nowhere"]}
    )
    fitted = make_pipeline(columns, LogisticRegression(C=0.1)).fit(frame, NAMED)
    convert("frame_classifier", fitted, types=types)
    records = rows.to_dict("records")
    e.predict(
        "frame_classifier", records, labelled(fitted.predict(rows), fitted.predict_proba(rows), fitted.classes_)
    )
    fitted = make_pipeline(columns, Ridge()).fit(frame, TARGET)
    convert("frame_regressor", fitted, types=types)
    e.predict("frame_regressor", records, labelled(fitted.predict(rows)), 1e-4)


def texts():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    given = ["sun and good wind", "cold rain all day", "good sun", "rain and cold wind", "a good day", "cold day"]
    labels = ["fine", "foul", "fine", "foul", "fine", "foul"]
    asked = ["a cold and good day", "rain", "", "sun sun sun"]
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(given, labels)
    predictions = labelled(fitted.predict(asked), fitted.predict_proba(asked), fitted.classes_)
    for name, shape in (("text_classifier", [None]), ("text_classifier_column", [None, 1])):
        convert(name, fitted, types=[("review", StringTensorType(shape))])
        e.predict(name, [{"review": text} for text in asked], predictions)


def without_classes():
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest
    from sklearn.linear_model import LinearRegression
    from sklearn.mixture import GaussianMixture
    from sklearn.svm import SVR, OneClassSVM

    def served(name, fitted, predictions, tolerance=1e-4, **more):
        convert(name, fitted)
        e.predict(name, records_of(ROWS), predictions, tolerance, feature_names=NAMES, **more)

    anomalies = IsolationForest(n_estimators=3, max_samples=16, random_state=1).fit(X)
    for name, fitted in (("isolation_forest", anomalies), ("one_class_svm", OneClassSVM(nu=0.2).fit(X[:40]))):
        served(name, fitted, labelled(fitted.predict(ROWS), scores=fitted.decision_function(ROWS)))
    fitted = KMeans(3, n_init=1, random_state=1).fit(X)
    served("kmeans", fitted, labelled(fitted.predict(ROWS), scores=fitted.transform(ROWS)))
    fitted = GaussianMixture(2, random_state=1).fit(X)
    served("gaussian_mixture", fitted, labelled(fitted.predict(ROWS), fitted.predict_proba(ROWS), [0, 1]), 1e-3)
    fitted = PCA(2, svd_solver="full").fit(X)
    served("pca", fitted, labelled(fitted.transform(ROWS)))
    fitted = rounded(LinearRegression().fit(X, np.stack([TARGET, X[:, 3] * 3], 1)), "coef_", "intercept_")
    served("multi_output_regressor", fitted, labelled(fitted.predict(ROWS)))
    fitted = SVR().fit(X[:40], TARGET[:40])
    served("svr", fitted, labelled(fitted.predict(ROWS)))


def several_labels():
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.neural_network import MLPClassifier

    def served(name, fitted, scores):
        convert(name, fitted, {id(fitted): {"zipmap": False}})
        predictions = labelled(fitted.predict(ROWS), scores=scores)
        e.predict(name, records_of(ROWS), predictions, 1e-4, feature_names=NAMES)

    for name, fitted in (
        ("multi_output_classifier", MultiOutputClassifier(LogisticRegression(C=0.1)).fit(X, SEVERAL)),
        ("forest_multilabel", RandomForestClassifier(3, max_depth=2, random_state=1).fit(X, SEVERAL)),
    ):
        served(name, fitted, np.stack(fitted.predict_proba(ROWS), axis=1))
    network = rounded(
        MLPClassifier((5,), max_iter=60, random_state=1).fit(X, SEVERAL), "coefs_", "intercepts_"
    )
    served("mlp_multilabel", network, network.predict_proba(ROWS))


def boosted():
    import lightgbm
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats

    types = [("input", Floats([None, 4]))]

    def served(name, fitted, convert_it, rows, **options):
        model = convert_it(fitted, name=name, initial_types=types, target_opset=15, **options)
        e.add(name, normalised(model))
        is_classifier = hasattr(fitted, "predict_proba")
        values = fitted.predict(rows)
        predictions = (
            labelled(values, fitted.predict_proba(rows), fitted.classes_) if is_classifier else labelled(values)
        )
        e.predict(name, records_of(rows), predictions, 1e-4, feature_names=NAMES)

    light = {"n_estimators": 4, "num_leaves": 5, "min_child_samples": 4, "verbose": -1, "n_jobs": 1, "random_state": 1}
    from_light = onnxmltools.convert_lightgbm
    served("lightgbm_coded", lightgbm.LGBMClassifier(**light).fit(X, CODED), from_light, ROWS)
    served("lightgbm_named", lightgbm.LGBMClassifier(**light).fit(GAPS, NAMED), from_light, GAP_ROWS, zipmap=False)
    served("lightgbm_binary", lightgbm.LGBMClassifier(**light).fit(GAPS, FLAG.astype(int)), from_light, GAP_ROWS)
    served("lightgbm_regressor", lightgbm.LGBMRegressor(**light).fit(GAPS, TARGET), from_light, GAP_ROWS)

    extreme = {"n_estimators": 4, "max_depth": 2, "n_jobs": 1, "random_state": 1}
    from_extreme = onnxmltools.convert_xgboost
    served("xgboost_multiclass", xgboost.XGBClassifier(**extreme).fit(X, KIND), from_extreme, ROWS)
    served("xgboost_binary", xgboost.XGBClassifier(**extreme).fit(GAPS, FLAG.astype(int)), from_extreme, GAP_ROWS)
    served("xgboost_regressor", xgboost.XGBRegressor(**extreme).fit(GAPS, TARGET), from_extreme, GAP_ROWS)


def encoders():
    """Encoders that know their categories and refuse others, and some that had missing values in training."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    def fit_and_add(name, model, frame, types):
        model.fit(frame, FLAG.astype(int))
        rounded(model[-1], "coef_", "intercept_")
        convert(name, model, {id(model): {"zipmap": False}}, types)
        return model

    text = StringTensorType([None, 1])
    cities = np.array(["Bern", "Oslo", "Rome"])[(X[:, 0] % 3).astype(int)]
    kinds = np.array(["old", "new"])[(X[:, 1] % 2).astype(int)]
    sizes = np.where(X[:, 2] > 9, np.nan, X[:, 2])
    frame = pd.DataFrame({"city": cities, "kind": kinds, "size": sizes})
    columns = ColumnTransformer(
        [("text", OneHotEncoder(), ["city", "kind"]), ("number", SimpleImputer(), ["size"])]
    )
    model = make_pipeline(columns, LogisticRegression(C=0.1))
    types = [("city", text), ("kind", text), ("size", FloatTensorType([None, 1]))]
    fit_and_add("onehot_strict", model, frame, types)
    rows = pd.DataFrame({"city": ["Oslo", "Rome"], "kind": ["new", "old"], "size": [4.25, np.nan]})
    e.predict(
        "onehot_strict",
        records_of(rows.to_numpy(dtype=object), ["city", "kind", "size"]),
        labelled(model.predict(rows), model.predict_proba(rows), [0, 1]),
    )

    some = np.where(X[:, 0] > 8, None, cities).reshape(-1, 1)
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(C=0.1))
    fit_and_add("onehot_none", model, some, [("city", text)])
    rows = np.array([["Oslo"], [None]], dtype=object)
    e.predict(
        "onehot_none",
        [{"city": "Oslo"}, {"city": "None"}],
        labelled(model.predict(rows), model.predict_proba(rows), [0, 1]),
        not_nullable=["city"],
    )

    steps = np.where(X[:, :1] > 8, np.nan, np.floor(X[:, :1] % 4)).astype(np.float32)
    model = make_pipeline(OrdinalEncoder(encoded_missing_value=-1), LogisticRegression(C=0.1))
    fit_and_add("ordinal_nan", model, steps, [("step", FloatTensorType([None, 1]))])
    rows = np.array([[1], [np.nan], [3]], dtype=np.float32)
    e.predict(
        "ordinal_nan",
        records_of(rows, ["step"]),
        labelled(model.predict(rows), model.predict_proba(rows), [0, 1]),
    )

    forest = RandomForestClassifier(n_estimators=3, max_depth=3, random_state=2).fit(X, CODED)
    convert("forest_free", forest, {id(forest): {"zipmap": False}}, [("features", FloatTensorType([None, None]))])
    predictions = labelled(forest.predict(ROWS), forest.predict_proba(ROWS), forest.classes_)
    e.predict("forest_free", records_of(ROWS), predictions, feature_names=NAMES)


def ends_the_runtime():
    """Models that end onnxruntime 1.30 in every language: on rows without a missing value, and on every row."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import KNNImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    gaps = GAPS[:40]
    fitted = make_pipeline(KNNImputer(n_neighbors=2), LogisticRegression(C=0.1)).fit(gaps, FLAG[:40].astype(int))
    rounded(fitted[-1], "coef_", "intercept_")
    # A run lives where some row of it has a missing value, and dies where none has, or a row has nothing else.
    rows = ROWS.copy()
    rows[0, 1] = rows[1, 0] = rows[2, 3] = rows[3, 2] = np.nan
    classifier("knn_imputer", fitted, {"zipmap": False}, rows=rows, tolerance=1e-4)

    forest = RandomForestClassifier(n_estimators=2, max_depth=2, random_state=1).fit(X, np.array(["only"] * len(X)))
    convert("one_class_text", forest, {id(forest): {"zipmap": False}})


if __name__ == "__main__":
    for part in (
        linear_classifiers,
        other_classifiers,
        missing_values,
        data_frames,
        texts,
        without_classes,
        several_labels,
        boosted,
        encoders,
        ends_the_runtime,
    ):
        part()
    sys.exit(e.main("expected_trained.json", "make_trained_models.py"))
