// The state of a form that is sent to the API. What the API refuses is shown at the field that it names, in the reader's
// language; what was typed is kept, and can be sent again.
import { useMutation } from '@tanstack/react-query';
import { useCallback, useMemo, useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemError } from '@/api/problem';
import { problemTitle } from '@/components/Problem';
import { sayingOf } from './sayings';

export interface FieldFault {
  /** In the reader's language. */
  title: string;
  /** The API's own words, where the title does not say it all. */
  detail?: string;
  /** What it would accept. */
  allowed: readonly string[];
}

/** A field that is wrong by what was found out, not by a refusal of the API. */
export class FieldFinding {
  constructor(readonly field: string, readonly fault: FieldFault) {}
}

export interface FormState<T extends object> {
  values: T;
  set: <K extends keyof T>(name: K, value: T[K]) => void;
  setAll: (values: T) => void;
  fault: (name: string) => FieldFault | undefined;
  /** What went wrong and belongs to no field that is shown. */
  error: unknown;
  isPending: boolean;
  submit: (event?: FormEvent) => void;
  reset: () => void;
  /** Shows what was found wrong otherwise than by sending: what a test of the same values refused. */
  blame: (found: unknown) => void;
  /** Registers a field as shown, so that its faults are not shown above the form too. */
  fields: Set<string>;
}

interface Options<T extends object, R> {
  initial: T;
  send: (values: T) => Promise<R>;
  onDone?: (result: R) => void;
  /** Where a member of the API's body is another field here: `{ 'endpoints/0': 'endpoint' }`. */
  rename?: Readonly<Record<string, string>>;
}

/** The field that a problem speaks of: by its pointer, else by its name. */
export function fieldOfProblem(error: unknown, rename: Readonly<Record<string, string>> = {}): string | undefined {
  if (!(error instanceof ProblemError)) return undefined;
  const { pointer, field } = error.problem;
  const path = (typeof pointer === 'string' ? pointer.replace(/^\//, '') : undefined) ?? (typeof field === 'string' ? field.replace(/[.[]/g, '/').replaceAll(']', '') : undefined);
  if (!path) return undefined;
  const top = path.split('/')[0] ?? path;
  return rename[path] ?? rename[top] ?? path;
}

export function useForm<T extends object, R>({ initial, send, onDone, rename }: Options<T, R>): FormState<T> {
  const { t } = useTranslation();
  const [values, setValues] = useState(initial);
  const [touched, setTouched] = useState<ReadonlySet<PropertyKey>>(new Set());
  const [fields] = useState(() => new Set<string>());
  const [blamed, setBlamed] = useState<unknown>();
  const { mutate, error: refused, isPending, reset } = useMutation({
    mutationFn: send,
    onMutate: () => {
      setTouched(new Set());
      setBlamed(undefined);
    },
    onSuccess: onDone,
  });
  const error = blamed ?? refused;
  const named = error instanceof FieldFinding ? error.field : fieldOfProblem(error, rename);
  const set = useCallback(<K extends keyof T>(name: K, value: T[K]) => {
    setValues((all) => ({ ...all, [name]: value }));
    setTouched((all) => new Set(all).add(name));
  }, []);
  const fault = (name: string): FieldFault | undefined => {
    // What is typed anew is not wrong any more until it is sent.
    if (!named || touched.has(name) || (named !== name && named.split('/')[0] !== name)) return undefined;
    if (error instanceof FieldFinding) return error.fault;
    const problem = (error as ProblemError).problem;
    const said = sayingOf(t, error as ProblemError);
    if (said) return { title: said, allowed: [] };
    return { title: problemTitle(t, error), detail: problem.detail, allowed: Array.isArray(problem.allowed) ? problem.allowed : [] };
  };
  const atField = named !== undefined && (fields.has(named) || fields.has(named.split('/')[0] ?? ''));
  const blame = useCallback(
    (found: unknown) => {
      setTouched(new Set());
      // What was refused before is said of other values.
      reset();
      setBlamed(found);
    },
    [reset],
  );
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (!isPending) mutate(values);
  };
  const start = useMemo(() => initial, [initial]);
  return {
    values, set, fault, isPending, submit, fields, blame,
    setAll: setValues,
    error: atField ? undefined : error,
    reset: () => {
      setValues(start);
      setBlamed(undefined);
      reset();
    },
  };
}
