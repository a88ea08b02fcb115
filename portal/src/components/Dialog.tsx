import { Modal, type ModalProps } from '@patternfly/react-core';
import { ModalBoxCloseButton } from '@patternfly/react-core/dist/esm/components/Modal/ModalBoxCloseButton';
import { useTranslation } from 'react-i18next';

/** A dialog that is open. Its cross is called what it is in the reader's language: the modal's own knows English only. */
export function Dialog({ onClose, children, ...props }: Omit<ModalProps, 'isOpen' | 'ref' | 'onClose'> & { onClose?: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal isOpen onEscapePress={onClose ?? (() => undefined)} {...props}>
      {onClose && <ModalBoxCloseButton onClose={onClose} aria-label={t('common.close')} />}
      {children}
    </Modal>
  );
}
