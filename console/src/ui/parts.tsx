import type { ButtonHTMLAttributes, InputHTMLAttributes, ReactNode, SelectHTMLAttributes } from 'react';
import { useId, useState } from 'react';
import { ApiError } from '../api/client.ts';

export function join(...classes: readonly (string | false | undefined)[]): string {
  return classes.filter(Boolean).join(' ');
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly kind?: 'primary' | 'plain' | 'quiet' | 'danger';
}

const buttonKinds = {
  primary: 'bg-accent text-accent-ink border-transparent hover:opacity-90',
  plain: 'bg-surface text-ink border-line hover:bg-sunken',
  quiet: 'bg-transparent text-ink-2 border-transparent hover:bg-sunken hover:text-ink',
  danger: 'bg-surface text-bad border-line hover:bg-bad-soft',
};

export function Button({ kind = 'plain', className, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={join(
        'inline-flex h-8 items-center gap-2 rounded-md border px-3 text-[13px] font-medium whitespace-nowrap disabled:opacity-50',
        buttonKinds[kind],
        className,
      )}
    />
  );
}

export function Page({
  title,
  lead,
  actions,
  children,
}: {
  readonly title: ReactNode;
  readonly lead?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <div className="mx-auto w-full max-w-[1400px] px-4 py-6 sm:px-8">
      <header className="mb-6 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
          {lead !== undefined && <p className="mt-1 text-ink-2">{lead}</p>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({
  title,
  actions,
  children,
  className,
}: {
  readonly title?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  readonly className?: string;
}) {
  return (
    <section className={join('rounded-lg border border-line bg-surface', className)}>
      {title !== undefined && (
        <header className="flex min-h-11 items-center justify-between gap-3 border-b border-line px-4 py-2">
          <h2 className="text-[13px] font-semibold">{title}</h2>
          {actions}
        </header>
      )}
      {children}
    </section>
  );
}

export function Stat({
  label,
  value,
  note,
}: {
  readonly label: string;
  readonly value: ReactNode;
  readonly note?: ReactNode;
}) {
  return (
    <div className="rounded-lg border border-line bg-surface px-4 py-3">
      <div className="text-[12px] text-ink-2">{label}</div>
      <div className="mt-1 truncate text-2xl font-semibold tracking-tight">{value}</div>
      <div className="mt-0.5 min-h-5 text-[12px] text-ink-3">{note}</div>
    </div>
  );
}

const tones = {
  good: 'bg-good-soft text-good',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  plain: 'bg-sunken text-ink-2',
  accent: 'bg-accent-soft text-accent',
};
export type Tone = keyof typeof tones;

export function Badge({ tone = 'plain', children }: { readonly tone?: Tone; readonly children: ReactNode }) {
  return (
    <span className={join('inline-flex items-center rounded px-1.5 py-0.5 text-[12px] font-medium', tones[tone])}>
      {children}
    </span>
  );
}

export function Field({
  label,
  hint,
  children,
}: {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly children: (ids: { readonly id: string; readonly 'aria-describedby': string | undefined }) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="block">
      <label htmlFor={id} className="mb-1 block text-[13px] font-medium">
        {label}
      </label>
      {children({ id, 'aria-describedby': hint === undefined ? undefined : `${id}-hint` })}
      {hint !== undefined && (
        <p id={`${id}-hint`} className="mt-1 text-[12px] text-ink-2">
          {hint}
        </p>
      )}
    </div>
  );
}

const control =
  'h-8 rounded-md border border-line-strong bg-surface px-2.5 text-[13px] text-ink placeholder:text-ink-3 disabled:opacity-50';

export function Input({ className, ...rest }: InputHTMLAttributes<HTMLInputElement>) {
  return <input {...rest} className={join(control, 'w-full', className)} />;
}

export function Select({ className, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return <select {...rest} className={join(control, 'pr-7', className)} />;
}

/** Scrolls sideways by itself, so that a page never does. */
export function Sideways({
  label,
  className,
  children,
}: {
  readonly label: string;
  readonly className?: string;
  readonly children: ReactNode;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section className={join('overflow-x-auto', className)} tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}

export function Code({ children, label }: { readonly children: string; readonly label: string }) {
  return (
    <div className="relative rounded-md border border-line bg-sunken">
      <Sideways label={label} className="p-3 pr-20">
        <pre className="font-mono text-[12px] leading-5">{children}</pre>
      </Sideways>
      <Copy text={children} className="absolute top-2 right-2" />
    </div>
  );
}

export function Copy({ text, className }: { readonly text: string; readonly className?: string }) {
  const [done, setDone] = useState(false);
  return (
    <Button
      className={className}
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => {
          setDone(true);
          setTimeout(() => setDone(false), 1_500);
        });
      }}
    >
      <span aria-live="polite">{done ? 'Copied' : 'Copy'}</span>
    </Button>
  );
}

/** Stands where something is loading, in about its size. */
export function Waiting({ rows = 6 }: { readonly rows?: number }) {
  return (
    <div className="animate-pulse space-y-2.5 p-4" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <div key={row} className={join('h-3.5 rounded bg-sunken', row % 3 === 2 ? 'w-2/3' : 'w-full')} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="px-4 py-10 text-center">
      <p className="font-medium">{title}</p>
      {children !== undefined && <div className="mx-auto mt-1 max-w-xl text-ink-2">{children}</div>}
    </div>
  );
}

/** What went wrong, what to do about it, and a way to try again. */
export function Failed({ error, again }: { readonly error: unknown; readonly again?: () => void }) {
  const { code, problem, message } =
    error instanceof ApiError ? error : { code: 'page_failed', problem: undefined, message: String(error) };
  return (
    <div className="m-4 rounded-md border border-line bg-bad-soft px-4 py-3" role="alert">
      <p className="font-medium text-bad">{message}</p>
      <p className="mt-1 text-ink-2">
        {problem?.recovery} <span className="font-mono text-[12px]">{code}</span>
      </p>
      {again !== undefined && (
        <Button className="mt-3" onClick={again}>
          Try again
        </Button>
      )}
    </div>
  );
}
