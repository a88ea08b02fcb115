// The steps of the first run. Where one is stands in the address, and for coming back in the browser; never what was typed.
export const STEPS = ['password', 'vsphere', 'kvm', 'found', 'quarantine'] as const;
export type Step = (typeof STEPS)[number];

const STORED = 'spandrel.first-run';
const OVER = 'over';

function read(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    // Without a memory it is not offered: it would come back at every visit.
    return OVER;
  }
}

function write(value: string): void {
  try {
    localStorage.setItem(STORED, value);
  } catch {
    // See `read`.
  }
}

export function isStep(text: string | undefined | null): text is Step {
  return STEPS.includes(text as Step);
}

/** The step to go on with. */
export function rememberedStep(): Step {
  const stored = read();
  return isStep(stored) ? stored : STEPS[0];
}

export function rememberStep(step: Step): void {
  write(step);
}

/** It was finished, or put off: it is not offered by itself again. */
export function endFirstRun(): void {
  write(OVER);
}

export function isFirstRunOver(): boolean {
  return read() === OVER;
}
