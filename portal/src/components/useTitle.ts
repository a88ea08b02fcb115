import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';

/** The title of the window, for as long as the page is shown. */
export function useTitle(title: string | undefined): void {
  const { t } = useTranslation();
  useEffect(() => {
    document.title = title ? `${title} – ${t('common.product')}` : t('common.product');
  }, [title, t]);
}
