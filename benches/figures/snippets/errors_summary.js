// Errors of the last day by provider and kind, with the successes and the newest message.
const day = new Date(Date.now() - 24 * 3600 * 1000);
const ok = new Map(db.metrics_cloud_v2.aggregate([
    { $match: { run_ts: { $gte: day } } }, { $group: { _id: "$provider", n: { $sum: 1 } } },
]).toArray().map(row => [row._id, row.n]));
db.errors_cloud.aggregate([
    { $match: { ts: { $gte: day } } },
    { $group: { _id: { provider: "$provider", kind: "$error_kind" }, n: { $sum: 1 }, first: { $min: "$ts" },
        last: { $max: "$ts" }, sample: { $last: "$message" } } },
    { $sort: { n: -1 } },
]).forEach(row => print(row._id.provider, row._id.kind, row.n, ok.get(row._id.provider), row.first, row.last, row.sample));
