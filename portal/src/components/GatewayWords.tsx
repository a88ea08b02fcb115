// What the gateway explains in English, in the reader's language where it is known in it.
import { useTranslation } from 'react-i18next';
import { inOwnWords } from '@/i18n';

export function GatewayWords({ message, className }: { message: string; className?: string }) {
  // Another language is another text.
  useTranslation();
  const said = inOwnWords(message);
  if (!said) return <span lang="en" className={className}>{message}</span>;
  return (
    <span className={className}>
      {said.text}
      {said.more && <span lang="en" className="sp-said sp-muted sp-small">{message}</span>}
    </span>
  );
}
