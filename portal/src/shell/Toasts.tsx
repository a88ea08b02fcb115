// Short words about what was done. What failed stays until it is read.
import { Alert, AlertActionCloseButton, AlertActionLink, AlertGroup } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react';

export interface Toast {
  title: string;
  variant?: 'success' | 'info' | 'warning' | 'danger';
  body?: ReactNode;
  /** What may be done about it by one press. */
  action?: { label: string; act: () => void };
  /** Replaces the toast of the same key. */
  key?: string;
}

const Context = createContext<(toast: Toast) => void>(() => undefined);
const SHOWN_MS = 6_000;
/** What offers something stays long enough to be reached. */
const OFFERED_MS = 30_000;

export function useToast(): (toast: Toast) => void {
  return useContext(Context);
}

export function Toasts({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const [toasts, setToasts] = useState<(Toast & { key: string })[]>([]);
  const drop = useCallback((key: string) => setToasts((all) => all.filter((toast) => toast.key !== key)), []);
  const add = useCallback((toast: Toast) => {
    const key = toast.key ?? crypto.randomUUID();
    setToasts((all) => [...all.filter((other) => other.key !== key), { ...toast, key }].slice(-5));
  }, []);
  const group = useMemo(
    () => (
      <AlertGroup isToast isLiveRegion>
        {toasts.map((toast) => (
          <Alert
            key={`${toast.key} ${toast.variant}`} variant={toast.variant ?? 'success'} variantLabel={t(`alerts.${toast.variant ?? 'success'}`)} title={toast.title}
            timeout={toast.variant === 'danger' ? false : toast.action ? OFFERED_MS : SHOWN_MS} onTimeout={() => drop(toast.key)}
            component="div"
            actionLinks={toast.action && (
              <AlertActionLink onClick={() => { toast.action?.act(); drop(toast.key); }}>{toast.action.label}</AlertActionLink>
            )}
            actionClose={<AlertActionCloseButton aria-label={`${t('common.close')}: ${toast.title}`} onClose={() => drop(toast.key)} />}
          >
            {toast.body}
          </Alert>
        ))}
      </AlertGroup>
    ),
    [toasts, drop, t],
  );
  return (
    <Context.Provider value={add}>
      {children}
      {group}
    </Context.Provider>
  );
}
