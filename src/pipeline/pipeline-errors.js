/** The process that was working on this request ended: the request may be the cause, or was only there. */
export class PipelineCrashed extends Error {
  name = 'PipelineCrashed';
  code = 'pipeline_crashed';
  ending;
  constructor(ending) {
    const where = ending.call === null ? '' : ` during ${ending.call}`;
    super(`The pipeline process ${describe(ending)}${where}.`, { cause: ending.output });
    this.ending = ending;
  }
}
/** The client was stopped before this request was done: it may be made again by the next one. */
export class PipelineStopped extends Error {
  name = 'PipelineStopped';
  code = 'pipeline_stopped';
  constructor() {
    super('The pipeline was stopped before the request was done.');
  }
}
function describe({ reason, code, signal }) {
  if (reason === 'hung') return 'did not come back in time and was replaced';
  if (reason === 'stopped') return 'was stopped';
  if (reason === 'not-started') return 'could not be started';
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
}
