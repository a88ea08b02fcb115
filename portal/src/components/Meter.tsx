import { formatShare } from '@/format/format';

const NEARLY_FULL = 0.9;
const FILLING = 0.75;

interface Props {
  /** Part of the whole; more than one when more is given out than there is. */
  share: number;
  /** What is measured, for readers of screens. */
  label: string;
  /** The figures in words. */
  text: string;
  /** Whether much of it is a thing to mind. */
  minds?: boolean;
}

/** A part of a whole, as a bar and in figures. */
export function Meter({ share, label, text, minds = true }: Props) {
  const filled = Math.min(1, Math.max(0, share));
  const look = !minds ? '' : share >= NEARLY_FULL ? 'sp-meter--full' : share >= FILLING ? 'sp-meter--filling' : '';
  return (
    <span className="sp-used" title={text}>
      <span
        className={`sp-meter ${look}`} role="meter" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(filled * 100)}
        aria-label={label} aria-valuetext={text}
      >
        <span className="sp-meter__bar" style={{ inlineSize: `${filled * 100}%` }} />
      </span>
      <span className="sp-used__share">{formatShare(share)}</span>
    </span>
  );
}
