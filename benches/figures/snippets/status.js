// By provider: enabled models by freshness, the last success, successes and failures of the last day; and the heartbeats.
const day = new Date(Date.now() - 24 * 3600 * 1000), now = Date.now();
const count = (rows, time) => new Map(rows.aggregate([
    { $match: { [time]: { $gte: day } } }, { $group: { _id: "$provider", n: { $sum: 1 } } },
]).toArray().map(row => [row._id, row.n]));
const runs = count(db.metrics_cloud_v2, "run_ts"), errors = count(db.errors_cloud, "ts");
const health = new Map(db.bench_model_health.find().toArray().map(row => [row._id, row]));
const providers = new Map();
db.models.find().forEach(entry => {
    const of = providers.get(entry.provider) ?? { enabled: 0, disabled: 0, states: {}, last: null };
    const row = health.get(entry.provider + ":" + entry.model_id), late = row?.last_success_at && now - row.last_success_at;
    const cadence = 1000 * (row?.cadence_seconds ?? 1800);
    const state = late == null ? "never_run" : late <= 2 * cadence ? "fresh" : late <= 6 * cadence ? "stale" : "critical";
    if (entry.enabled && !entry.deprecated) of.enabled += 1, of.states[state] = (of.states[state] ?? 0) + 1;
    else of.disabled += 1;
    if (row?.last_success_at > of.last) of.last = row.last_success_at;
    providers.set(entry.provider, of);
});
providers.forEach((of, name) => print(name, of.enabled, JSON.stringify(of.states), of.disabled, of.last, runs.get(name),
    errors.get(name)));
db.bench_scheduler_heartbeats.find().sort({ component: 1 }).forEach(row => print(row.component, row.updated_at));
