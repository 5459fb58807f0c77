/** What a witness and those who ask it agree on beside KERI itself: where it is, and what an answer is called. */

/** Below the origin: `GET` says who the witness is; `/{prefix}/events` and `/{prefix}/receipts/{said}` lie under it. */
export const WITNESS_PATH = '/v1/witness';
/** Media type of a CESR stream. */
export const CESR_TYPE = 'application/cesr';
