import { Button, Card, CardBody, Content, ProgressStep, ProgressStepper, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, useNavigate, useParams } from 'react-router';
import { api, data } from '@/api/client';
import { providersQuery } from '@/api/queries';
import { PasswordForm } from '@/account/PasswordForm';
import { useNarrow } from '@/components/useNarrow';
import { useTitle } from '@/components/useTitle';
import { endFirstRun, isStep, rememberedStep, rememberStep, STEPS, type Step } from '@/firstrun/steps';
import { FoundCounts } from '@/providers/FoundCounts';
import { ProviderForm } from '@/providers/ProviderForm';
import { quarantinedCount, type Provider } from '@/providers/provider';
import { ProviderState } from '@/providers/ProviderState';
import { NothingLeftOut, Quarantine } from '@/providers/Quarantine';
import { SourceCard } from '@/providers/SourceCard';
import { createBody, emptyValues } from '@/providers/values';
import { useToast } from '@/shell/Toasts';

/** From the first sign-in to a live inventory. */
export function FirstRun() {
  const { t } = useTranslation();
  const { step } = useParams();
  useTitle(t('firstRun.title'));
  if (!isStep(step)) return <Navigate to={`/first-run/${rememberedStep()}`} replace />;
  return <At step={step} />;
}

function At({ step }: { step: Step }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const narrow = useNarrow();
  const head = useRef<HTMLHeadingElement>(null);
  const before = useRef(step);
  const index = STEPS.indexOf(step);
  const { data: providers } = useQuery(providersQuery);
  const [changed, setChanged] = useState(false);
  // A step that was skipped is not shown as done.
  const isDone = (name: Step) =>
    name === 'password' ? changed : name === 'vsphere' || name === 'kvm' ? Boolean(providers?.some(({ kind }) => kind === name)) : STEPS.indexOf(name) < index;
  useEffect(() => {
    rememberStep(step);
    // Who goes on with the keyboard or a reader of screens is at the new step's head.
    if (before.current !== step) head.current?.focus();
    before.current = step;
  }, [step]);
  const go = (to: number) => void navigate(`/first-run/${STEPS[to]}`);
  const finish = () => {
    endFirstRun();
    void navigate('/');
  };
  const next = () => (index + 1 < STEPS.length ? go(index + 1) : finish());
  const last = index === STEPS.length - 1;
  const forms = step === 'password' || step === 'vsphere' || step === 'kvm';
  return (
    <div className="sp-page">
      <header className="sp-head">
        <div>
          <Title headingLevel="h1" size="2xl">
            {t('firstRun.title')}
          </Title>
          <p className="sp-muted">{t('firstRun.lead')}</p>
        </div>
        <Button variant="link" onClick={finish}>
          {t('firstRun.later')}
        </Button>
      </header>
      {narrow ? (
        <p className="sp-muted sp-small sp-page__title">
          {t('firstRun.step', { step: index + 1, steps: STEPS.length })}: {t(`firstRun.steps.${step}`)}
        </p>
      ) : (
        <ProgressStepper isCenterAligned aria-label={t('firstRun.title')} className="sp-first__steps">
          {STEPS.map((name) => (
            <ProgressStep
              key={name} id={`first-run-${name}`} titleId={`first-run-${name}-title`} isCurrent={name === step} aria-label={t(`firstRun.steps.${name}`)}
              variant={name === step ? 'info' : isDone(name) ? 'success' : 'pending'}
            >
              <Link to={`/first-run/${name}`} aria-current={name === step ? 'step' : undefined}>
                {t(`firstRun.steps.${name}`)}
              </Link>
            </ProgressStep>
          ))}
        </ProgressStepper>
      )}
      <Card className="sp-first__card">
        <CardBody>
          <Title headingLevel="h2" size="xl" ref={head} tabIndex={-1} className="sp-first__title">
            {t(`firstRun.${step}.title`)}
          </Title>
          <Content component="p" className="sp-muted sp-first__lead">
            {t(`firstRun.${step}.lead`)}
          </Content>
          <Body key={step} step={step} onDone={next} onPassword={() => setChanged(true)} />
          <div className="sp-first__acts">
            {index > 0 && (
              <Button variant="secondary" onClick={() => go(index - 1)}>
                {t('common.back')}
              </Button>
            )}
            <Button variant={forms ? 'link' : 'primary'} onClick={next}>
              {last ? t('firstRun.finish') : t(forms ? 'firstRun.skip' : 'common.next')}
            </Button>
          </div>
        </CardBody>
      </Card>
    </div>
  );
}

function Body({ step, onDone, onPassword }: { step: Step; onDone: () => void; onPassword: () => void }): ReactNode {
  const { t } = useTranslation();
  const toast = useToast();
  switch (step) {
    case 'password':
      return (
        <PasswordForm
          onDone={() => {
            toast({ title: t('firstRun.password.done') });
            onPassword();
            onDone();
          }}
        />
      );
    case 'vsphere':
    case 'kvm':
      return <Join kind={step} onDone={onDone} />;
    case 'found':
      return <WhatIsFound />;
    case 'quarantine':
      return <WhatIsLeftOut />;
  }
}

function Join({ kind, onDone }: { kind: Provider['kind']; onDone: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const { data: providers } = useQuery(providersQuery);
  const joined = providers?.filter((provider) => provider.kind === kind) ?? [];
  return (
    <>
      {joined.length > 0 && (
        <div className="sp-first__joined">
          <strong>{t('firstRun.joined')}</strong>
          {joined.map((provider) => (
            <span key={provider.id} className="sp-first__one">
              <Link to={`/providers/${provider.id}`}>{provider.name}</Link> <ProviderState provider={provider} />
            </span>
          ))}
        </div>
      )}
      <ProviderForm
        kindFixed initial={emptyValues(kind)} act={t('providers.form.add')} send={(values) => data(api.POST('/v1/providers', { body: createBody(values) }))}
        onDone={(provider) => {
          toast({ title: t('providers.added', { name: provider.name }) });
          onDone();
        }}
      />
    </>
  );
}

function WhatIsFound() {
  const { t } = useTranslation();
  const { data: providers } = useQuery(providersQuery);
  if (providers?.length === 0) return <p>{t('firstRun.found.nothing')}</p>;
  return (
    <div className="sp-form__part">
      <FoundCounts />
      <div className="sp-provider__sources">
        {providers?.flatMap((provider) => provider.sources.map((source) => <SourceCard key={source.id} provider={provider} source={source} />))}
      </div>
    </div>
  );
}

function WhatIsLeftOut() {
  const { t } = useTranslation();
  const { data: providers = [] } = useQuery(providersQuery);
  const some = providers.filter((provider) => quarantinedCount(provider) > 0);
  if (providers.length === 0) return <p>{t('firstRun.found.nothing')}</p>;
  if (some.length === 0) return <NothingLeftOut />;
  return (
    <div className="sp-form__part">
      {some.map((provider) => (
        <section key={provider.id} aria-label={provider.name}>
          <Title headingLevel="h3" size="md">
            {provider.name}
          </Title>
          <Quarantine provider={provider} />
        </section>
      ))}
    </div>
  );
}
