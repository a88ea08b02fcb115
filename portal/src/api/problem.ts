// Problem details (RFC 9457): the one form in which the API says that something went wrong.
import type { components } from './gen/schema';

export type Problem = components['schemas']['Problem'] & Record<string, unknown>;

/** What a call throws when it does not succeed. */
export class ProblemError extends Error {
  readonly problem: Problem;
  /** When it may be tried again, seconds from now; from `Retry-After`. */
  readonly retryAfterS: number | undefined;

  constructor(problem: Problem, retryAfterS?: number) {
    super(problem.detail || problem.title);
    this.name = 'ProblemError';
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }

  get status(): number {
    return this.problem.status;
  }

  /** The last part of `type`, by which problems are told apart. */
  get slug(): string {
    return this.problem.type.split('/').pop() ?? '';
  }
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'type' in value && 'status' in value && 'title' in value;
}

/** Reads an answer that is not a success. Something between us and the gateway may answer in another form. */
export async function problemOf(response: Response, body?: unknown): Promise<ProblemError> {
  let value = body;
  if (value === undefined) {
    try {
      value = await response.json();
    } catch {
      value = undefined;
    }
  }
  const retry = Number(response.headers.get('retry-after'));
  const retryAfterS = Number.isFinite(retry) && retry > 0 ? retry : undefined;
  if (isProblem(value)) return new ProblemError(value, retryAfterS);
  const title = `HTTP ${response.status}`;
  return new ProblemError(
    { type: '/docs/problems/unavailable', title, status: response.status, detail: title } as Problem,
    retryAfterS,
  );
}

/** Whether an error says that nothing answered at all. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof TypeError;
}
