/** What is made of a profile: tables, a trace, a report, comparisons. Nothing here records one. */
export { chromeTrace } from "./chrome-trace.js";
export { type Comparison, compareProfiles } from "./compare.js";
export { comparisonTable } from "./comparison-table.js";
export { htmlReport } from "./html-report.js";
export { profileTable } from "./profile-table.js";
export { readProfile } from "./read-profile.js";
export type * from "./types.js";
