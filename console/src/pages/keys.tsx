import { Dialog } from '@base-ui/react/dialog';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, type ReactNode, useState } from 'react';
import { api, ask, type Schemas } from '../api/client.ts';
import { day } from '../format.ts';
import { Badge, Button, Card, Code, Empty, Failed, Field, Input, Page, Select, Waiting } from '../ui/parts.tsx';
import { Table } from '../ui/table.tsx';

type Key = Schemas['Key'];

const tones = { active: 'good', expired: 'plain', revoked: 'bad' } as const;

/** Keys of the data plane: who may ask, for what, until when. */
export function Keys() {
  const keys = useInfiniteQuery({
    queryKey: ['keys'],
    queryFn: ({ pageParam }) =>
      ask(
        api.GET('/api/v1/keys', {
          params: { query: { limit: 50, ...(pageParam === '' ? {} : { after: pageParam }) } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: page => page.next,
  });
  const rows = keys.data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <Page
      title="Keys"
      lead="A key belongs to a project; what it is asked for is paid by its organisation."
      actions={<Create />}
    >
      <Card>
        {keys.isPending && <Waiting rows={8} />}
        {keys.isError && <Failed error={keys.error} again={() => void keys.refetch()} />}
        {keys.isSuccess && rows.length === 0 && (
          <Empty title="There are no keys yet">Create one, and point a client at it.</Empty>
        )}
        {rows.length > 0 && (
          <Table
            label="Keys"
            rows={rows}
            keyOf={({ id }) => id}
            columns={[
              { title: 'Name', of: ({ name }) => <span className="font-medium">{name}</span> },
              {
                title: 'Key',
                of: ({ id }) => (
                  <Link
                    to="/traffic"
                    search={{ key: id }}
                    className="font-mono text-[12px] hover:text-accent hover:underline"
                  >
                    cck_{id}_…
                  </Link>
                ),
              },
              { title: 'Project', of: ({ project }) => project },
              { title: 'State', of: ({ state }) => <Badge tone={tones[state]}>{state}</Badge> },
              { title: 'Created', of: ({ createdAt }) => day(createdAt), wide: true },
              { title: 'Expires', of: ({ expiresAt }) => (expiresAt === null ? 'never' : day(expiresAt)), wide: true },
              { title: 'May ask for', of: ({ allow }) => allow?.join(', ') ?? 'as its project', wide: true },
              { title: '', of: key => <Actions of={key} />, align: 'right' },
            ]}
          />
        )}
        {keys.hasNextPage && (
          <div className="border-t border-line p-3 text-center">
            <Button disabled={keys.isFetchingNextPage} onClick={() => void keys.fetchNextPage()}>
              Show more
            </Button>
          </div>
        )}
      </Card>
    </Page>
  );
}

function Create() {
  const client = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const [project, setProject] = useState('');
  const [name, setName] = useState('');
  const projects = useQuery({
    queryKey: ['projects'],
    queryFn: () => ask(api.GET('/api/v1/projects', { params: { query: { limit: 200 } } })),
    enabled: isOpen,
  });
  const first = projects.data?.items[0]?.id;
  const create = useMutation({
    mutationFn: () => ask(api.POST('/api/v1/keys', { body: { project: project || (first ?? ''), name: name.trim() } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['keys'] }),
  });
  const close = () => {
    setOpen(false);
    setName('');
    // The secret is forgotten with the answer.
    create.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <>
      <Button kind="primary" onClick={() => setOpen(true)}>
        Create a key
      </Button>
      <Modal title={create.isSuccess ? 'Your new key' : 'Create a key'} isOpen={isOpen} close={close}>
        {create.isSuccess ? (
          <Secret secret={secretOf(create.data)} close={close} />
        ) : (
          <form onSubmit={submit} className="space-y-4">
            <Field label="Project">
              {ids => (
                <Select
                  {...ids}
                  className="w-full"
                  value={project || first}
                  onChange={event => setProject(event.target.value)}
                  required
                >
                  {projects.data?.items.map(({ id }) => (
                    <option key={id} value={id}>
                      {id}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
            <Field label="Name" hint="Small letters, digits and dashes; it is in reports.">
              {ids => (
                <Input
                  {...ids}
                  value={name}
                  onChange={event => setName(event.target.value)}
                  required
                  maxLength={63}
                  pattern="[a-z0-9]([a-z0-9\-]*[a-z0-9])?"
                />
              )}
            </Field>
            {projects.isSuccess && projects.data.items.length === 0 && (
              <p className="text-warn">There is no project yet: declare an organisation and a project first.</p>
            )}
            {create.isError && <Failed error={create.error} />}
            <div className="flex justify-end gap-2">
              <Button onClick={close}>Cancel</Button>
              <Button type="submit" kind="primary" disabled={create.isPending || first === undefined}>
                {create.isPending ? 'Creating …' : 'Create'}
              </Button>
            </div>
          </form>
        )}
      </Modal>
    </>
  );
}

function secretOf(created: unknown): string {
  return String((created as { readonly secret?: unknown }).secret ?? '');
}

function Secret({ secret, close }: { readonly secret: string; readonly close: () => void }) {
  return (
    <div className="space-y-4">
      <p>This is the only time that it is shown: keep it where secrets are kept.</p>
      <Code label="The key">{secret}</Code>
      <div className="flex justify-end">
        <Button kind="primary" onClick={close}>
          I have kept it
        </Button>
      </div>
    </div>
  );
}

function Actions({ of: key }: { readonly of: Key }) {
  const client = useQueryClient();
  const [asked, setAsked] = useState<'rotate' | 'revoke' | undefined>(undefined);
  const refresh = () => client.invalidateQueries({ queryKey: ['keys'] });
  const path = { id: key.id };
  const rotate = useMutation({
    mutationFn: () => ask(api.POST('/api/v1/keys/{id}/rotate', { params: { path }, body: {} })),
    onSuccess: refresh,
  });
  const revoke = useMutation({
    mutationFn: () => ask(api.DELETE('/api/v1/keys/{id}', { params: { path } })),
    onSuccess: () => {
      setAsked(undefined);
      return refresh();
    },
  });
  const close = () => {
    setAsked(undefined);
    rotate.reset();
    revoke.reset();
  };
  if (key.state !== 'active') return null;
  return (
    <span className="inline-flex gap-1">
      <Button kind="quiet" className="h-7 px-2" aria-label={`Rotate ${key.name}`} onClick={() => setAsked('rotate')}>
        Rotate
      </Button>
      <Button
        kind="quiet"
        className="h-7 px-2 text-bad"
        aria-label={`Revoke ${key.name}`}
        onClick={() => setAsked('revoke')}
      >
        Revoke
      </Button>
      <Modal title={`Give ${key.name} a new secret`} isOpen={asked === 'rotate'} close={close}>
        {rotate.isSuccess ? (
          <Secret secret={secretOf(rotate.data)} close={close} />
        ) : (
          <Sure
            text="The secret that it has now stays good for a while, so that clients can change over."
            word="Rotate"
            isBusy={rotate.isPending}
            error={rotate.error}
            run={() => rotate.mutate()}
            close={close}
          />
        )}
      </Modal>
      <Modal title={`Revoke ${key.name}`} isOpen={asked === 'revoke'} close={close}>
        <Sure
          text="Whoever uses it is refused from now on. This cannot be taken back."
          word="Revoke"
          isBusy={revoke.isPending}
          error={revoke.error}
          run={() => revoke.mutate()}
          close={close}
        />
      </Modal>
    </span>
  );
}

function Sure({
  text,
  word,
  isBusy,
  error,
  run,
  close,
}: {
  readonly text: string;
  readonly word: string;
  readonly isBusy: boolean;
  readonly error: unknown;
  readonly run: () => void;
  readonly close: () => void;
}) {
  return (
    <div className="space-y-4">
      <p>{text}</p>
      {error !== null && <Failed error={error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={close}>Cancel</Button>
        <Button kind={word === 'Revoke' ? 'danger' : 'primary'} disabled={isBusy} onClick={run}>
          {isBusy ? `${word} …` : word}
        </Button>
      </div>
    </div>
  );
}

function Modal({
  title,
  isOpen,
  close,
  children,
}: {
  readonly title: string;
  readonly isOpen: boolean;
  readonly close: () => void;
  readonly children: ReactNode;
}) {
  return (
    <Dialog.Root open={isOpen} onOpenChange={open => !open && close()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-20 bg-black/40" />
        <Dialog.Popup className="fixed top-[12vh] left-1/2 z-30 max-h-[80vh] w-[min(30rem,92vw)] -translate-x-1/2 overflow-y-auto rounded-lg border border-line bg-raised p-5 text-left shadow-xl">
          <Dialog.Title className="mb-4 text-base font-semibold">{title}</Dialog.Title>
          {children}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
