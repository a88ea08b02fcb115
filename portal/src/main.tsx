import '@patternfly/react-core/dist/styles/base.css';
import './app.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { startLanguages } from './i18n';
import { showStartFailed } from './shell/startFailed';
import { followSystemTheme } from './shell/theme';
import { App } from './app';

const root = document.getElementById('root')!;
followSystemTheme();
startLanguages().then(
  () =>
    createRoot(root).render(
      <StrictMode>
        <App />
      </StrictMode>,
    ),
  (error: unknown) => showStartFailed(root, error),
);
