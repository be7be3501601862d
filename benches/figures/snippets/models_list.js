// The enabled models with the figures of their last day.
const day = new Date(Date.now() - 24 * 3600 * 1000), key = row => row.provider + ":" + row.model;
const median = values => values.filter(value => value != null).sort((a, b) => a - b)[values.length >> 1];
const by = { provider: "$provider", model: "$model_name" };
const runs = new Map(db.metrics_cloud_v2.aggregate([
    { $match: { run_ts: { $gte: day } } },
    { $group: { _id: by, n: { $sum: 1 }, newest: { $max: "$gen_ts" }, ttft: { $push: "$time_to_first_token" },
        rate: { $push: "$visible_tokens_per_second" } } },
]).toArray().map(row => [key(row._id), row]));
const errors = new Map(db.errors_cloud.aggregate([
    { $match: { ts: { $gte: day } } }, { $group: { _id: by, n: { $sum: 1 } } },
]).toArray().map(row => [key(row._id), row.n]));
const health = new Map(db.bench_model_health.find().toArray().map(row => [row._id, row.freshness_status]));
const enabled = db.models.find({ enabled: true, deprecated: { $ne: true } }).sort({ provider: 1, model_id: 1 });
print(enabled.toArray().map(entry => {
    const name = entry.provider + ":" + entry.model_id, run = runs.get(name), failed = errors.get(name) ?? 0;
    return [name, entry.display_name, health.get(name), run?.newest, run && run.n / (run.n + failed),
        run && median(run.ttft), run && median(run.rate)].join(" ");
}).join("\n"));
