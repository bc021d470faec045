/* The management API, made by console/make-client.ts from its table of operations. Not to be edited. */
export interface paths {
  '/api/v1/account/password': {
    get?: never;
    put?: never /** Choose another password; every session ends */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': { current: string; next: string } } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': { changed: true } } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/account/sessions': {
    /** The caller’s own open sessions, newest first */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Session'][] } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/account/sessions/{id}': {
    get?: never;
    put?: never;
    post?: never /** End one of the caller’s own sessions; `others` ends all but the one that asks */;
    delete: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': { ended: number } } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    patch?: never;
  };
  '/api/v1/account/totp': {
    get?: never;
    put?: never /** Begin a second factor: a secret for the authenticator app; nothing changes before it is confirmed */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': { password: string } } };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { secret: string; uri: string; setUp: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/account/totp/confirm': {
    get?: never;
    put?: never /** Confirm the second factor with its first code; answers the recovery codes, once */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': { setUp: string /** Of the authenticator app, or a recovery code. */; code: string };
        };
      };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': { recoveryCodes: string[] } } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/account/totp/remove': {
    get?: never;
    put?: never /** Remove the second factor, with the password and a code */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': { password: string /** Of the authenticator app, or a recovery code. */; code: string };
        };
      };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': { removed: true } } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/alerts': {
    /** The newest alerts: quarantined readings, charges over their hold, budgets near their limit */ get: {
      parameters: { query?: { limit?: number }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Alert'][] } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/apply': {
    get?: never;
    put?: never /** Apply a declarative file, or show what it would change */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** The declarative file, YAML or JSON. */ file: string;
            dryRun?: boolean /** Remove what the file does not name. */;
            prune?: boolean /** Refuse when the stored configuration is at another revision. */;
            expectedRevision?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              revision: string;
              applied: boolean;
              changes: components['schemas']['Change'][];
              notices: string[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/audit': {
    /** The audit log, newest first */ get: {
      parameters: {
        query?: {
          from?: string;
          to?: string;
          actor?: string;
          organisation?: string;
          action?: string;
          target?: string;
          requestId?: string;
          outcome?: 'done' | 'asked' | 'refused';
          limit?: number;
          after?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['AuditEvent'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/audit.csv': {
    /** The same as CSV (RFC 4180), whole; `before` and `after` are JSON */ get: {
      parameters: {
        query?: {
          from?: string;
          to?: string;
          actor?: string;
          organisation?: string;
          action?: string;
          target?: string;
          requestId?: string;
          outcome?: 'done' | 'asked' | 'refused';
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'text/csv': string } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/audit.ndjson': {
    /** The same as one JSON document a line, whole */ get: {
      parameters: {
        query?: {
          from?: string;
          to?: string;
          actor?: string;
          organisation?: string;
          action?: string;
          target?: string;
          requestId?: string;
          outcome?: 'done' | 'asked' | 'refused';
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/x-ndjson': string } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/budgets': {
    /** Budgets; of hard ones also what is spent and set aside, by window */ get: {
      parameters: { query?: { limit?: number; after?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Budget'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/decisions': {
    /** Decision records of a period, oldest first, as they were written */ get: {
      parameters: {
        query: { from: string; to?: string; requestedModel?: string; limit?: number; after?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              items: { id: string; at: string; requestedModel: string; record: string }[];
              next?: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/decisions/{id}': {
    /** Why an exchange went where it went */ get: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Explanation'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/deployments': {
    /** List deployments with their prices */ get: {
      parameters: { query?: { limit?: number; after?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Deployment'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Create a deployment */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            name: string /** Its name until now: renames a stored deployment, which stays the same to routing. */;
            was?: string /** Account that serves it. */;
            provider: string /** vendor/name, as clients may ask for it. */;
            model: string /** What the provider calls the model; the part of `model` after the vendor unless said. */;
            targetModel?: string;
            zones?: {
              /** Where prompts are processed; without `zones` it is GLOBAL. */ processing: string;
            } /** Of attempts; where one is used up, the next candidate is tried. */;
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Attempts at once in one replica. */;
              concurrency?: number /** Of its concurrency, as configured or found out, for requests that another deployment failed, so that one outage does not become two; where nobody else has room they come all the same. 30 unless said. */;
              inflowPercent?: number /** Of what is counted by minute or day: report what would have been refused, and refuse nothing. */;
              shadow?: boolean;
            } /** Longest answer; bounds holds. 32000 unless said. */;
            outputTokensMax?: number /** What it can do beyond text; requests that need more go elsewhere. Everything is tried unless said. */;
            capabilities?: (
              | 'tools'
              | 'images'
              | 'documents'
              | 'audio'
              | 'json-object'
              | 'json-schema'
              | 'reasoning'
              | 'logprobs'
              | 'several-answers'
            )[] /** Context window; longer requests, by estimate, go elsewhere. Not looked at unless said. */;
            contextTokensMax?: number /** Most tokens of one image; bounds holds. 32768 unless said. */;
            mediaTokensMax?: number /** Most pages of all documents of a request, by the provider’s own limit; bounds holds. 100 unless said. */;
            documentPagesMax?: number /** Most tokens of one page, its text and its picture; bounds holds. 4600 unless said. */;
            documentTokensPerPage?: number /** Most tokens of a second of audio; bounds holds. 32 unless said. */;
            audioTokensPerSecond?: number /** Most calls of each priced tool that the provider runs itself, where the request names no bound (`max_uses`); bounds holds. 10 unless said. */;
            toolCallsMax?: number /** Most input tokens that a call of such a tool brings, as search results or a fetched page; bounds holds. 10000 unless said. */;
            toolTokensPerCall?: number;
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['DeploymentResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/deployments/{id}': {
    /** Show a deployment */ get: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['DeploymentResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Replace a deployment, or create it where it is not there */;
    put: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/json': {
            /** Its name until now: renames a stored deployment, which stays the same to routing. */ was?: string /** Account that serves it. */;
            provider: string /** vendor/name, as clients may ask for it. */;
            model: string /** What the provider calls the model; the part of `model` after the vendor unless said. */;
            targetModel?: string;
            zones?: {
              /** Where prompts are processed; without `zones` it is GLOBAL. */ processing: string;
            } /** Of attempts; where one is used up, the next candidate is tried. */;
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Attempts at once in one replica. */;
              concurrency?: number /** Of its concurrency, as configured or found out, for requests that another deployment failed, so that one outage does not become two; where nobody else has room they come all the same. 30 unless said. */;
              inflowPercent?: number /** Of what is counted by minute or day: report what would have been refused, and refuse nothing. */;
              shadow?: boolean;
            } /** Longest answer; bounds holds. 32000 unless said. */;
            outputTokensMax?: number /** What it can do beyond text; requests that need more go elsewhere. Everything is tried unless said. */;
            capabilities?: (
              | 'tools'
              | 'images'
              | 'documents'
              | 'audio'
              | 'json-object'
              | 'json-schema'
              | 'reasoning'
              | 'logprobs'
              | 'several-answers'
            )[] /** Context window; longer requests, by estimate, go elsewhere. Not looked at unless said. */;
            contextTokensMax?: number /** Most tokens of one image; bounds holds. 32768 unless said. */;
            mediaTokensMax?: number /** Most pages of all documents of a request, by the provider’s own limit; bounds holds. 100 unless said. */;
            documentPagesMax?: number /** Most tokens of one page, its text and its picture; bounds holds. 4600 unless said. */;
            documentTokensPerPage?: number /** Most tokens of a second of audio; bounds holds. 32 unless said. */;
            audioTokensPerSecond?: number /** Most calls of each priced tool that the provider runs itself, where the request names no bound (`max_uses`); bounds holds. 10 unless said. */;
            toolCallsMax?: number /** Most input tokens that a call of such a tool brings, as search results or a fetched page; bounds holds. 10000 unless said. */;
            toolTokensPerCall?: number;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['DeploymentResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    post?: never /** Delete a deployment that nothing uses */;
    delete: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: { headers: { [name: string]: unknown }; content?: never };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Change a deployment: a JSON merge patch of its document */;
    patch: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/merge-patch+json': Record<string, unknown>;
          'application/json': Record<string, unknown>;
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['DeploymentResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
  };
  '/api/v1/epoch-anchors': {
    /** Anchors of the chains of seeds, as they were committed */ get: {
      parameters: { query: { from: string; to?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': { items: { anchor: string; replica: string; startsAt: string; committedAt: string }[] };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/exchanges': {
    /** List exchanges, newest first */ get: {
      parameters: {
        query?: {
          limit?: number;
          after?: string;
          organisation?: string;
          project?: string;
          key?: string;
          status?: 'settled' | 'estimated' | 'void' | 'quarantined';
          outcome?: string;
          requestedModel?: string;
          from?: string;
          to?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['ExchangeSummary'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/exchanges/{id}': {
    /** One exchange: attempts, reading, charges, transfers, decision */ get: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Exchange'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/export': {
    /** The stored configuration as a declarative file */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/yaml': string } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/grants': {
    get?: never;
    put?: never /** Grant to several organisations, all or nothing */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            grants: {
              /** Yours, unique in the organisation: ordering it again grants nothing more. */ id: string /** paid: debits cash. promotional: debits promo_expense. included: debits revenue:seats. */;
              kind?: 'paid' | 'promotional' | 'included' /** Decimal string. */;
              amount: string /** ISO 4217; that of the sell book unless said. */;
              currency?: string /** Lower is used first. */;
              priority?: number /** First instant at which it pays; now unless said. */;
              effectiveAt?: string /** First instant at which it pays no more; never unless said. */;
              expiresAt?: string /** What it pays for; everything unless said. */;
              scope?: {
                /** Patterns over vendor/name. */ models?: string[] /** Patterns over names of provider accounts. */;
                providers?: string[] /** Patterns over meters. Requests are never admitted on such a grant; it pays when they are booked. */;
                meters?: string[];
              } /** Where it came from: an order, a contract. */;
              source?: string;
              organisation: string;
            }[];
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': { items: { organisation: string; id: string; outcome: 'granted' | 'exists' }[] };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/grants/{id}/refund': {
    get?: never;
    put?: never /** Give back what is left of a paid grant, named organisation/id, and end it; twice is once */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['EndedGrant'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/grants/{id}/void': {
    get?: never;
    put?: never /** Take back an unused grant, named organisation/id; twice is once */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['EndedGrant'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/health/deployments': {
    /** How the deployments are, as this replica knows it; answers without the database */ get: {
      parameters: {
        query?: {
          limit?: number;
          after?: string;
          state?: 'idle' | 'well' | 'recovering' | 'saturated' | 'probing' | 'cooling' | 'open' | 'misconfigured';
          provider?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              replica: string;
              at: string;
              items: components['schemas']['DeploymentHealth'][];
              next?: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/invitations': {
    /** Open invitations, without their tokens */ get: {
      parameters: {
        query?: { limit?: number; after?: string; organisation?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Invitation'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Invite somebody to a role; the token is in this answer and nowhere else */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            email: string /** docs/reference/permissions.md says what each may do. */;
            role:
              | 'operator'
              | 'owner'
              | 'billing'
              | 'developer'
              | 'auditor'
              | 'provider' /** Of roles in an organisation. */;
            organisation?: string /** Only these of its projects, by their names in it; the whole organisation unless said. */;
            projects?: string[] /** Of the role provider: the provider accounts that it sees. */;
            providers?: string[] /** How long it is open. */;
            days?: number;
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Invitation'] & { token: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/invitations/accept': {
    get?: never;
    put?: never /** Take an invitation with a password, or choose a new password after a reset */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** Of the invitation or reset; it works once. */ token: string /** The new one; of somebody who is here already and takes a further role, their own. */;
            password: string;
            name?: string /** Of the authenticator app, or a recovery code. */;
            code?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { user: string; purpose: 'join' | 'reset' } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/invitations/{id}': {
    get?: never;
    put?: never;
    post?: never /** Withdraw an open invitation */;
    delete: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Invitation'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    patch?: never;
  };
  '/api/v1/jobs': {
    /** What the installation does by itself: when, how far, how the last run ended */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Job'][] } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/jobs/{id}/run': {
    get?: never;
    put?: never /** Make a job due now; some replica begins it within seconds */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['Job'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/keys': {
    /** List keys, without their secrets */ get: {
      parameters: {
        query?: { limit?: number; after?: string; project?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Key'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Create a key; its secret is in this answer and nowhere else */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** organisation/project */ project: string;
            name: string /** An imported secret of 32 characters or more, as env:NAME or file:path. */;
            secret?: string /** First instant at which it is refused; never unless said. */;
            expiresAt?: string /** For good: a file cannot undo it. */;
            revoked?: boolean /** Narrows the project’s; as the project unless said. */;
            allow?: string[] /** Narrows the project’s; as the project unless said. */;
            zones?: string[] /** Route policies that x-carrier-policy may ask for; all unless said, none when empty. */;
            policies?: (
              | 'priority'
              | 'weighted'
              | 'cheapest'
              | 'fastest'
              | 'balanced'
              | 'sticky'
            )[] /** Lower the output limit, declared, rather than refuse what a budget cannot hold. */;
            lowerOutputToFit?: boolean /** Fetch media that it names by URL, where a provider needs bytes; as the project unless said. */;
            mediaFetch?: boolean /** Addresses and networks that it may be used from; `key_address_refused` elsewhere. Behind proxies say them in `process.trustedProxies`. Anywhere unless said. */;
            addresses?: string[] /** Web origins that it may be used from, by the `Origin` header that browsers send; `key_origin_refused` elsewhere and without one. Pages of these origins may call from a browser (CORS). Any unless said. */;
            origins?: string[] /** Put on each of its requests, and told apart in usage: `carrier usage --by tag:team`. A request cannot say another value. */;
            tags?: Record<string, string>;
            budget?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
            } /** Further budgets; each may be narrowed to some models, providers or routes. All that apply must hold. */;
            budgets?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Pattern over `vendor/name`: only what such a model answers. */;
              model?: string /** Pattern over names of provider accounts: only what such a one answers. */;
              provider?: string /** Pattern over the names that requests ask for. */;
              route?: string;
            }[];
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Requests at once, over all replicas. */;
              concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Limits of some models, providers or routes. */;
              of?: {
                /** Pattern over `vendor/name`: requests that may go to such a model. */ model?: string /** Pattern over names of provider accounts. */;
                provider?: string /** Pattern over the names that requests ask for. */;
                route?: string /** Requests in a UTC minute, over all replicas. */;
                requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
                requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
                tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
                tokensPerDay?: number /** Requests at once, over all replicas. */;
                concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
                shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
                onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
              }[];
            };
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Key'] & { secret?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/keys/{id}': {
    /** Show a key, without its secret */ get: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['Key'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Replace what a key may do; its secret stays */;
    put: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/json': {
            /** An imported secret of 32 characters or more, as env:NAME or file:path. */ secret?: string /** First instant at which it is refused; never unless said. */;
            expiresAt?: string /** For good: a file cannot undo it. */;
            revoked?: boolean /** Narrows the project’s; as the project unless said. */;
            allow?: string[] /** Narrows the project’s; as the project unless said. */;
            zones?: string[] /** Route policies that x-carrier-policy may ask for; all unless said, none when empty. */;
            policies?: (
              | 'priority'
              | 'weighted'
              | 'cheapest'
              | 'fastest'
              | 'balanced'
              | 'sticky'
            )[] /** Lower the output limit, declared, rather than refuse what a budget cannot hold. */;
            lowerOutputToFit?: boolean /** Fetch media that it names by URL, where a provider needs bytes; as the project unless said. */;
            mediaFetch?: boolean /** Addresses and networks that it may be used from; `key_address_refused` elsewhere. Behind proxies say them in `process.trustedProxies`. Anywhere unless said. */;
            addresses?: string[] /** Web origins that it may be used from, by the `Origin` header that browsers send; `key_origin_refused` elsewhere and without one. Pages of these origins may call from a browser (CORS). Any unless said. */;
            origins?: string[] /** Put on each of its requests, and told apart in usage: `carrier usage --by tag:team`. A request cannot say another value. */;
            tags?: Record<string, string>;
            budget?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
            } /** Further budgets; each may be narrowed to some models, providers or routes. All that apply must hold. */;
            budgets?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Pattern over `vendor/name`: only what such a model answers. */;
              model?: string /** Pattern over names of provider accounts: only what such a one answers. */;
              provider?: string /** Pattern over the names that requests ask for. */;
              route?: string;
            }[];
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Requests at once, over all replicas. */;
              concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Limits of some models, providers or routes. */;
              of?: {
                /** Pattern over `vendor/name`: requests that may go to such a model. */ model?: string /** Pattern over names of provider accounts. */;
                provider?: string /** Pattern over the names that requests ask for. */;
                route?: string /** Requests in a UTC minute, over all replicas. */;
                requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
                requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
                tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
                tokensPerDay?: number /** Requests at once, over all replicas. */;
                concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
                shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
                onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
              }[];
            };
          };
        };
      };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['Key'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    post?: never /** Revoke a key for good, with every secret that it has */;
    delete: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['Key'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Change a key: a JSON merge patch of its document */;
    patch: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/merge-patch+json': Record<string, unknown>;
          'application/json': Record<string, unknown>;
        };
      };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['Key'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
  };
  '/api/v1/keys/{id}/rotate': {
    get?: never;
    put?: never /** Give a key a new secret, which is in this answer and nowhere else; the one before stays good for a while */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** How long secrets from before are good; a day unless said, 90 days at most. */ overlapSeconds?: number;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': components['schemas']['Key'] & {
              secret: string /** What should be done now, in words. */;
              notices: string[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/accounts': {
    /** Balances of accounts, by name; with days, what these days added */ get: {
      parameters: {
        query?: {
          limit?: number;
          after?: string;
          account?: string;
          prefix?: string;
          currency?: string;
          from?: string;
          to?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['AccountBalance'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/check': {
    get?: never;
    put?: never /** Look for what must never be, for some seconds; go on with `next` */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** recent: the last day and every day that was written to since. full: everything. */ scope?:
              | 'recent'
              | 'full';
            after?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              violations: { rule: string; subject: string; detail: string; advice: string }[];
              done: number;
              total: number;
              next?: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/conflicts': {
    /** Transfers that were ordered twice with different contents, newest first */ get: {
      parameters: { query?: { limit?: number }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              items: ({ id: string; first?: unknown; second?: unknown } & Record<string, unknown>)[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/pending': {
    /** Pending transfers that are neither posted nor voided nor expired */ get: {
      parameters: { query?: { limit?: number; after?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              items: ({ id: string; amount: string; expiresAt: string | null } & Record<string, unknown>)[];
              next?: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/pending/{id}/post': {
    get?: never;
    put?: never /** Book a pending transfer, whole or in part; the rest is free again */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': { amount?: string } } };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { id: string; outcome: 'posted' | 'exists' } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/pending/{id}/void': {
    get?: never;
    put?: never /** Give back what a pending transfer set aside */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { id: string; outcome: 'voided' | 'exists' } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/quarantine': {
    /** Exchanges that could not be rated, oldest first; their holds are kept */ get: {
      parameters: {
        query?: {
          limit?: number;
          after?: string;
          organisation?: string;
          project?: string;
          model?: string;
          provider?: string;
          from?: string;
          to?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              items: ({ id: string; at: string; reasons: string[]; slices: Record<string, unknown> } & Record<
                string,
                unknown
              >)[];
              next?: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/quarantine/resolve': {
    get?: never;
    put?: never /** Rate quarantined exchanges by the prices in force, as they were read or as you say */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            ids: string[] /** Why, for whoever reads the correction. */;
            reason: string /** Names this piece of work in every correction. */;
            run?: string /** Only this price version, whenever it holds; else those in force. */;
            version?: string /** What was used, when the reading is not right; of every exchange named. */;
            slices?: {
              inputUncached?: number;
              cacheRead?: number;
              cacheWrite5m?: number;
              cacheWrite1h?: number;
              inputAudio?: number;
              inputImage?: number;
              inputVideo?: number;
              output?: number;
              reasoning?: number;
              outputAudio?: number;
              outputImage?: number;
            };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              results: {
                id: string;
                outcome: 'resolved' | 'voided' | 'not-found' | 'not-quarantined' | 'not-rated';
                why?: string;
                charged?: { amount: string; currency: string };
              }[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/quarantine/void': {
    get?: never;
    put?: never /** Charge nothing for quarantined exchanges, and give their holds back */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            ids: string[] /** Why, for whoever reads the correction. */;
            reason: string /** Names this piece of work in every correction. */;
            run?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              results: {
                id: string;
                outcome: 'resolved' | 'voided' | 'not-found' | 'not-quarantined' | 'not-rated';
                why?: string;
                charged?: { amount: string; currency: string };
              }[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/rerate': {
    get?: never;
    put?: never /** Rate exchanges again, for some seconds; what comes out otherwise is reversed and booked anew */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** Inclusive. */ from: string /** Exclusive. */;
            to: string;
            organisation?: string /** organisation/project */;
            project?: string;
            model?: string;
            provider?: string /** Only this price version, whenever it holds; else those in force. */;
            version?: string /** Says what would change, and changes nothing. */;
            dryRun?: boolean /** Why, for whoever reads the correction. */;
            reason?: string /** Names this piece of work in every correction. */;
            run?: string /** `next` of the step before. */;
            after?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['RerateStep'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/rules': {
    /** What a sound ledger keeps */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: { rule: string; keeps: string; scope: string }[] } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/transfers': {
    /** Transfers, newest first */ get: {
      parameters: {
        query?: {
          limit?: number;
          after?: string;
          account?: string;
          currency?: string;
          kind?: string;
          reference?: string;
          from?: string;
          to?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Transfer'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Book transfers that no exchange caused: payments, adjustments; the same order again books nothing */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            transfers: {
              /** Chosen by you, for ever: the same id and content again books nothing. */ id: string /** One word, such as `payment` or `adjustment`. */;
              kind: string /** Account that is debited, of the chart of docs/guides/ledger.md. */;
              debit: string /** Account that is credited. */;
              credit: string /** Decimal, above zero, at most 18 decimals. */;
              amount: string;
              currency: string /** When it happened; when it is booked unless said. */;
              at?: string /** Transfers of one batch are booked together or not at all. */;
              batch?: string;
              reference?: string /** Only sets the amount aside, until it is posted or voided. */;
              pending?: boolean /** Of a pending one: when it lapses, by the database’s clock. */;
              expiresAt?: string;
            }[];
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              results: {
                id: string /** exists: it was booked before, just so. conflict: its id was, with other content; both are kept and nothing is booked. batch-refused: another transfer of its batch is a conflict. */;
                outcome: 'booked' | 'exists' | 'conflict' | 'batch-refused';
              }[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/ledger/trial-balance': {
    /** Every ledger by classes of accounts: both sides are equal */ get: {
      parameters: { query?: { to?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { ledgers: components['schemas']['TrialBalance'][] } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/limits': {
    /** Limits of requests, tokens and requests at once: what was used and refused, by window */ get: {
      parameters: { query?: { limit?: number; after?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Limit'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/login': {
    get?: never;
    put?: never /** Log in with address and password */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            email: string;
            password: string /** Of the authenticator app, or a recovery code. */;
            code?: string /** For pages: the token comes as a cookie that no script can read. */;
            cookie?: boolean;
          };
        };
      };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['Login'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/login/admin-key': {
    get?: never;
    put?: never /** Log a page in with the admin key */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': { key: string } } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['Login'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/login/oidc': {
    /** Log in by the login provider: sends the browser there */ get: {
      parameters: { query?: { returnTo?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'text/html': string } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/login/oidc/callback': {
    /** Where the login provider sends the browser back to */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'text/html': string } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/login/ways': {
    /** How one may log in here */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { passwords: boolean; oidc: boolean } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/members': {
    /** Roles that people and service accounts were given */ get: {
      parameters: {
        query?: { limit?: number; after?: string; organisation?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Member'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Give a role to a user or a service account; the same again is the same */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            user?: string;
            serviceAccount?: string /** docs/reference/permissions.md says what each may do. */;
            role:
              | 'operator'
              | 'owner'
              | 'billing'
              | 'developer'
              | 'auditor'
              | 'provider' /** Of roles in an organisation. */;
            organisation?: string /** Only these of its projects, by their names in it; the whole organisation unless said. */;
            projects?: string[] /** Of the role provider: the provider accounts that it sees. */;
            providers?: string[];
          };
        };
      };
      responses: {
        201: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['Member'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/members/{id}': {
    get?: never;
    put?: never;
    post?: never /** Take a role away; requests under way with it end as they began */;
    delete: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['Member'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    patch?: never;
  };
  '/api/v1/models': {
    /** List models with the deployments that serve them */ get: {
      parameters: { query?: { limit?: number; after?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': { items: { id: string; deployments: string[]; priced: boolean }[]; next?: string };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/organisations': {
    /** List organisations */ get: {
      parameters: { query?: { limit?: number; after?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['OrganisationResource'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Create an organisation */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            name: string /** Names of tags that requests bring (`x-carrier-tags`) and usage is told apart by, with at most 1000 values each; further values count as `(others)`. Tags of keys need not be named. None unless said. */;
            usageTags?: string[];
            budget?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
            } /** Further budgets; each may be narrowed to some models, providers or routes. All that apply must hold. */;
            budgets?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Pattern over `vendor/name`: only what such a model answers. */;
              model?: string /** Pattern over names of provider accounts: only what such a one answers. */;
              provider?: string /** Pattern over the names that requests ask for. */;
              route?: string;
            }[];
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Requests at once, over all replicas. */;
              concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Limits of some models, providers or routes. */;
              of?: {
                /** Pattern over `vendor/name`: requests that may go to such a model. */ model?: string /** Pattern over names of provider accounts. */;
                provider?: string /** Pattern over the names that requests ask for. */;
                route?: string /** Requests in a UTC minute, over all replicas. */;
                requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
                requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
                tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
                tokensPerDay?: number /** Requests at once, over all replicas. */;
                concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
                shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
                onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
              }[];
            } /** prepaid: requests that its wallet cannot pay are refused. postpaid: what its wallet does not pay is owed. */;
            terms?:
              | 'prepaid'
              | 'postpaid' /** Of prepaid: what may be owed beyond the wallet, in the currency of the sell book; nothing unless said. */;
            overdraft?: string /** Of postpaid: the most that may be owed; requests that would pass it are refused. Without a bound unless said. */;
            creditLimit?: string /** Raises an alert each time what is left of its wallet and its line falls below so much, in the currency of the sell book. None unless said. */;
            lowBalance?: string;
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['OrganisationResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/organisations/{id}': {
    /** Show an organisation */ get: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['OrganisationResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Replace an organisation, or create it where it is not there */;
    put: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/json': {
            /** Names of tags that requests bring (`x-carrier-tags`) and usage is told apart by, with at most 1000 values each; further values count as `(others)`. Tags of keys need not be named. None unless said. */ usageTags?: string[];
            budget?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
            } /** Further budgets; each may be narrowed to some models, providers or routes. All that apply must hold. */;
            budgets?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Pattern over `vendor/name`: only what such a model answers. */;
              model?: string /** Pattern over names of provider accounts: only what such a one answers. */;
              provider?: string /** Pattern over the names that requests ask for. */;
              route?: string;
            }[];
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Requests at once, over all replicas. */;
              concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Limits of some models, providers or routes. */;
              of?: {
                /** Pattern over `vendor/name`: requests that may go to such a model. */ model?: string /** Pattern over names of provider accounts. */;
                provider?: string /** Pattern over the names that requests ask for. */;
                route?: string /** Requests in a UTC minute, over all replicas. */;
                requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
                requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
                tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
                tokensPerDay?: number /** Requests at once, over all replicas. */;
                concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
                shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
                onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
              }[];
            } /** prepaid: requests that its wallet cannot pay are refused. postpaid: what its wallet does not pay is owed. */;
            terms?:
              | 'prepaid'
              | 'postpaid' /** Of prepaid: what may be owed beyond the wallet, in the currency of the sell book; nothing unless said. */;
            overdraft?: string /** Of postpaid: the most that may be owed; requests that would pass it are refused. Without a bound unless said. */;
            creditLimit?: string /** Raises an alert each time what is left of its wallet and its line falls below so much, in the currency of the sell book. None unless said. */;
            lowBalance?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['OrganisationResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    post?: never /** Delete an organisation that nothing uses */;
    delete: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: { headers: { [name: string]: unknown }; content?: never };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Change an organisation: a JSON merge patch of its document */;
    patch: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/merge-patch+json': Record<string, unknown>;
          'application/json': Record<string, unknown>;
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['OrganisationResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
  };
  '/api/v1/prices': {
    /** The price versions in force, by book, what is scheduled, and the rule that publishes facts */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              books: {
                /** `sell`, `buy` or `contract:<organisation>`. */ book: string;
                version: string;
                currency: string;
                origin: string /** Since when it is in force, or when it will be; null is ever. */;
                from: string | null;
                follows?: { book: string; multiplier: string };
                rates: Record<
                  string,
                  { rates: components['schemas']['Rates']; tiers: Record<string, unknown>[] } & Record<string, unknown>
                >;
                derived?: Record<
                  string,
                  { rates: components['schemas']['Rates']; tiers: Record<string, unknown>[] } & Record<string, unknown>
                >[] /** What is scheduled: the rows that change then. */;
                later: {
                  from: string;
                  version: string;
                  rates: Record<
                    string,
                    { rates: components['schemas']['Rates']; tiers: Record<string, unknown>[] } & Record<
                      string,
                      unknown
                    >
                  >;
                }[];
              }[];
              rules: { id: string; state: 'active' | 'ended'; version: string | null }[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/prices/diff': {
    get?: never;
    put?: never /** What publishing a file of prices would change, rate by rate */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** A file with a `prices:` part only, YAML or JSON. */ file: string /** Remove rates, books and contracts that the file does not name. */;
            prune?: boolean;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Publication'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/prices/facts': {
    /** Facts that were let through, and those that wait for a person */ get: {
      parameters: {
        query?: { limit?: number; after?: string; held?: 'true' | 'false' };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['PriceFact'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/prices/facts/diff': {
    /** What the source of facts says that was not let through, with what is odd about it */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['FactReview'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/prices/facts/file': {
    /** Facts that were let through as a file of prices, to be read and published */ get: {
      parameters: {
        query?: { book?: 'buy' | 'sell'; all?: 'true' | 'false' };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/yaml': string } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/prices/facts/import': {
    get?: never;
    put?: never /** Let facts through that are not odd, and those approved by name */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': { /** Odd facts to let through all the same, as provider/model. */ approve?: string[] };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              version: string;
              approved: number;
              held: number;
              gone: number;
              unchanged: number;
              heldFacts: { fact: string; reasons: string[] }[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/prices/publish': {
    get?: never;
    put?: never /** Publish a file of prices; what is published already publishes nothing */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** A file with a `prices:` part only, YAML or JSON. */ file: string /** Remove rates, books and contracts that the file does not name. */;
            prune?: boolean;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Publication'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/prices/quote': {
    get?: never;
    put?: never /** What usage costs at an instant, line by line, with the versions that say so */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** A deployment; or name a model. */ deployment?: string /** `vendor/name`: every deployment of it. */;
            model?: string /** Whose contract counts; list prices unless said. */;
            organisation?: string /** Instant of dispatch; now unless said. */;
            at?: string /** Whole units by meter: input, cacheRead, output, tool.webSearch, accelerator … */;
            usage: Record<string, number> /** As the provider would say it served. */;
            serviceTier?: string;
            mode?: 'sync' | 'batch';
            region?: string /** Chips at once, for a rate with a minimum. */;
            holders?: number;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              at: string;
              quotes: {
                deployment: string;
                sell:
                  | {
                      amount: string;
                      currency: string;
                      version: string;
                      lines: { meter: string; quantity: number; rate: string; per: string; amount: string }[];
                    }
                  | { unpriced: string };
                buy:
                  | {
                      amount: string;
                      currency: string;
                      version: string;
                      lines: { meter: string; quantity: number; rate: string; per: string; amount: string }[];
                    }
                  | { unpriced: string };
              }[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/projects': {
    /** List projects */ get: {
      parameters: {
        query?: { limit?: number; after?: string; organisation?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['ProjectResource'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Create a project */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            name: string;
            organisation: string /** Names it may ask for: `*` within a segment, `**` all. */;
            allow?: string[] /** Where its prompts may be processed; anywhere unless said. */;
            zones?: string[] /** Fetch media named by URL, where a provider needs bytes: public addresses only, in the zones. */;
            mediaFetch?: boolean;
            budget?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
            } /** Further budgets; each may be narrowed to some models, providers or routes. All that apply must hold. */;
            budgets?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Pattern over `vendor/name`: only what such a model answers. */;
              model?: string /** Pattern over names of provider accounts: only what such a one answers. */;
              provider?: string /** Pattern over the names that requests ask for. */;
              route?: string;
            }[];
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Requests at once, over all replicas. */;
              concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Limits of some models, providers or routes. */;
              of?: {
                /** Pattern over `vendor/name`: requests that may go to such a model. */ model?: string /** Pattern over names of provider accounts. */;
                provider?: string /** Pattern over the names that requests ask for. */;
                route?: string /** Requests in a UTC minute, over all replicas. */;
                requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
                requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
                tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
                tokensPerDay?: number /** Requests at once, over all replicas. */;
                concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
                shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
                onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
              }[];
            };
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ProjectResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/projects/{id}': {
    /** Show a project */ get: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ProjectResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Replace a project, or create it where it is not there */;
    put: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/json': {
            /** Names it may ask for: `*` within a segment, `**` all. */ allow?: string[] /** Where its prompts may be processed; anywhere unless said. */;
            zones?: string[] /** Fetch media named by URL, where a provider needs bytes: public addresses only, in the zones. */;
            mediaFetch?: boolean;
            budget?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
            } /** Further budgets; each may be narrowed to some models, providers or routes. All that apply must hold. */;
            budgets?: {
              /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
              period?:
                | 'day'
                | 'week'
                | 'month'
                | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
              hard?: boolean /** Parts of the limit at which to warn. */;
              warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Pattern over `vendor/name`: only what such a model answers. */;
              model?: string /** Pattern over names of provider accounts: only what such a one answers. */;
              provider?: string /** Pattern over the names that requests ask for. */;
              route?: string;
            }[];
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Requests at once, over all replicas. */;
              concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
              onExhausted?: {
                /** Route, deployment or model that serves instead. */ route: string;
              } /** Limits of some models, providers or routes. */;
              of?: {
                /** Pattern over `vendor/name`: requests that may go to such a model. */ model?: string /** Pattern over names of provider accounts. */;
                provider?: string /** Pattern over the names that requests ask for. */;
                route?: string /** Requests in a UTC minute, over all replicas. */;
                requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
                requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
                tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
                tokensPerDay?: number /** Requests at once, over all replicas. */;
                concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
                shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
                onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
              }[];
            };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ProjectResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    post?: never /** Delete a project that nothing uses */;
    delete: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: { headers: { [name: string]: unknown }; content?: never };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Change a project: a JSON merge patch of its document */;
    patch: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/merge-patch+json': Record<string, unknown>;
          'application/json': Record<string, unknown>;
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ProjectResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
  };
  '/api/v1/provider-performance': {
    /** How attempts at provider accounts went: outcomes and times, by deployment */ get: {
      parameters: {
        query?: { provider?: string; from?: string; to?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              from: string;
              to: string;
              rows: {
                provider: string;
                deployment: string;
                targetModel: string;
                attempts: number;
                outcomes: Record<string, number>;
                firstByteMs: { p50: number; p95: number } | null;
                durationMs: { p50: number; p95: number } | null;
              }[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/provider-usage': {
    /** What provider accounts served, and what they are owed for it */ get: {
      parameters: {
        query?: { by?: 'provider' | 'deployment' | 'model' | 'day'; provider?: string; from?: string; to?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              from: string;
              to: string;
              rows: ({
                by: string;
                requests: number;
                attempts: number;
                buy: { amount: string; currency: string } | null;
              } & Record<string, unknown>)[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/providers': {
    /** List provider accounts, without their credentials */ get: {
      parameters: { query?: { limit?: number; after?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['ProviderResource'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Create a provider account */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            name: string /** Of providers/; unless said, the one whose host `baseUrl` names, else any compatible. Say it behind a proxy: the name of the account tells nothing. */;
            kind?: string /** The wire format it is called in. */;
            dialect?:
              | 'openai-chat'
              | 'anthropic-messages'
              | 'openai-responses'
              | 'gemini'
              | 'cohere-chat'
              | 'bedrock-converse' /** Several, in its order of preference; the client’s own is called when it is among them. */;
            dialects?: (
              | 'openai-chat'
              | 'anthropic-messages'
              | 'openai-responses'
              | 'gemini'
              | 'cohere-chat'
              | 'bedrock-converse'
            )[] /** Where it is reached; the kind’s own unless said. */;
            baseUrl?: string /** Its key, as env:NAME or file:path, resolved by the server. In exports stored:… is one that was given by the management API: it is kept where it is stored, and refused elsewhere. */;
            credential?: string /** Of attempts at all its deployments together; where one is used up, the next candidate is tried. */;
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Requests at once, over all replicas. */;
              concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
              shadow?: boolean;
            } /** The credential itself instead of a reference: stored encrypted, never shown again. */;
            credentialValue?: string;
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ProviderResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/providers/{id}': {
    /** Show a provider account */ get: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ProviderResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Replace a provider account, or create it where it is not there */;
    put: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/json': {
            /** Of providers/; unless said, the one whose host `baseUrl` names, else any compatible. Say it behind a proxy: the name of the account tells nothing. */ kind?: string /** The wire format it is called in. */;
            dialect?:
              | 'openai-chat'
              | 'anthropic-messages'
              | 'openai-responses'
              | 'gemini'
              | 'cohere-chat'
              | 'bedrock-converse' /** Several, in its order of preference; the client’s own is called when it is among them. */;
            dialects?: (
              | 'openai-chat'
              | 'anthropic-messages'
              | 'openai-responses'
              | 'gemini'
              | 'cohere-chat'
              | 'bedrock-converse'
            )[] /** Where it is reached; the kind’s own unless said. */;
            baseUrl?: string /** Its key, as env:NAME or file:path, resolved by the server. In exports stored:… is one that was given by the management API: it is kept where it is stored, and refused elsewhere. */;
            credential?: string /** Of attempts at all its deployments together; where one is used up, the next candidate is tried. */;
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Requests at once, over all replicas. */;
              concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
              shadow?: boolean;
            } /** The credential itself instead of a reference: stored encrypted, never shown again. */;
            credentialValue?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ProviderResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    post?: never /** Delete a provider account that nothing uses */;
    delete: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: { headers: { [name: string]: unknown }; content?: never };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Change a provider account: a JSON merge patch of its document */;
    patch: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/merge-patch+json': Record<string, unknown>;
          'application/json': Record<string, unknown>;
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ProviderResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
  };
  '/api/v1/reports/margin': {
    /** Revenue, costs with failed attempts apart, and margin, by dimension and time */ get: {
      parameters: {
        query?: {
          by?: string;
          grain?: 'total' | 'hour' | 'day' | 'month';
          from?: string;
          to?: string;
          organisation?: string;
          project?: string;
          key?: string;
          route?: string;
          model?: string;
          provider?: string;
          deployment?: string;
          class?: string;
          meter?: string;
          sandbox?: 'true' | 'false';
          top?: number;
          compare?: 'previous';
          limit?: number;
          after?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Report'] & unknown };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/reports/margin.csv': {
    /** The same as CSV (RFC 4180), whole: at most 1000000 rows, streamed */ get: {
      parameters: {
        query?: {
          by?: string;
          grain?: 'total' | 'hour' | 'day' | 'month';
          from?: string;
          to?: string;
          organisation?: string;
          project?: string;
          key?: string;
          route?: string;
          model?: string;
          provider?: string;
          deployment?: string;
          class?: string;
          meter?: string;
          sandbox?: 'true' | 'false';
          top?: number;
          compare?: 'previous';
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'text/csv': string } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/reports/spend': {
    /** What customers are charged, what of it is estimated or corrected, what is held, by dimension and time */ get: {
      parameters: {
        query?: {
          by?: string;
          grain?: 'total' | 'hour' | 'day' | 'month';
          from?: string;
          to?: string;
          organisation?: string;
          project?: string;
          key?: string;
          route?: string;
          model?: string;
          provider?: string;
          deployment?: string;
          class?: string;
          meter?: string;
          sandbox?: 'true' | 'false';
          top?: number;
          compare?: 'previous';
          limit?: number;
          after?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Report'] & unknown };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/reports/spend.csv': {
    /** The same as CSV (RFC 4180), whole: at most 1000000 rows, streamed */ get: {
      parameters: {
        query?: {
          by?: string;
          grain?: 'total' | 'hour' | 'day' | 'month';
          from?: string;
          to?: string;
          organisation?: string;
          project?: string;
          key?: string;
          route?: string;
          model?: string;
          provider?: string;
          deployment?: string;
          class?: string;
          meter?: string;
          sandbox?: 'true' | 'false';
          top?: number;
          compare?: 'previous';
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'text/csv': string } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/reports/usage': {
    /** Requests, tokens and other meters, by dimension and time */ get: {
      parameters: {
        query?: {
          by?: string;
          grain?: 'total' | 'hour' | 'day' | 'month';
          from?: string;
          to?: string;
          organisation?: string;
          project?: string;
          key?: string;
          route?: string;
          model?: string;
          provider?: string;
          deployment?: string;
          class?: string;
          meter?: string;
          sandbox?: 'true' | 'false';
          top?: number;
          compare?: 'previous';
          limit?: number;
          after?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['Report'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/reports/usage.csv': {
    /** The same as CSV (RFC 4180), whole: at most 1000000 rows, streamed */ get: {
      parameters: {
        query?: {
          by?: string;
          grain?: 'total' | 'hour' | 'day' | 'month';
          from?: string;
          to?: string;
          organisation?: string;
          project?: string;
          key?: string;
          route?: string;
          model?: string;
          provider?: string;
          deployment?: string;
          class?: string;
          meter?: string;
          sandbox?: 'true' | 'false';
          top?: number;
          compare?: 'previous';
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'text/csv': string } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/route-simulations': {
    get?: never;
    put?: never /** Decide recorded requests again under a changed route, a page at a time; changes nothing */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            route: string;
            from: string;
            to?: string;
            change?: {
              policy?:
                | 'priority'
                | 'weighted'
                | 'cheapest'
                | 'fastest'
                | 'balanced'
                | 'sticky' /** null lifts the cap. */;
              costMax?: string | null /** By deployment. null removes it; one that the route did not have is added. */;
              candidates?: Record<string, { weight?: number; priority?: number } | null>;
            } /** Instead of `change`: a declarative file that says of the route what it would be. What else it would change is refused. */;
            file?: string /** `next` of the page before. */;
            after?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              /** Exchanges of the whole period. */ total: number;
              examined: number /** Another deployment would have been asked first. */;
              moved: number /** Nobody could have served these. */;
              unserved: number /** Records of another engine. */;
              unreadable: number;
              deployments: { deployment: string; before: number; after: number }[];
              before: {
                /** Expected cost at the first choices, 10⁻⁹ of the currency, added up. */ costNano: string /** Exchanges that are in it. */;
                costKnown: number /** Mean time of the first choices’ answers in the period, added up. */;
                durationMs: number;
                durationKnown: number;
              };
              after: {
                /** Expected cost at the first choices, 10⁻⁹ of the currency, added up. */ costNano: string /** Exchanges that are in it. */;
                costKnown: number /** Mean time of the first choices’ answers in the period, added up. */;
                durationMs: number;
                durationKnown: number;
              };
              currency: string;
              assumptions: string[];
              next?: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/routes': {
    /** List routes */ get: {
      parameters: { query?: { limit?: number; after?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['RouteResource'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Create a route */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            name: string;
            candidates: {
              /** Of this file or stored before. */ deployment: string /** Share among candidates of one priority. */;
              weight?: number /** Lower first. */;
              priority?: number;
            }[] /** How candidates are put in order: `priority` (lower `priority` first, then by weight), `weighted`, `cheapest` (for the customer), `fastest`, `balanced`, `sticky` (one session, one place). All but the first ignore `priority`. `priority` unless said. */;
            policy?:
              | 'priority'
              | 'weighted'
              | 'cheapest'
              | 'fastest'
              | 'balanced'
              | 'sticky' /** Candidates at which a request is expected to cost its customer more are left out (`COST_OVER_CAP`): by the sell price, its estimated input and the usual length of the route’s answers. In the currency of the sell book; no cap unless said. */;
            costMax?: string /** Attempts after the first; 2 unless said. */;
            retries?: number /** Until the provider accepts a connection; 5000 unless said. */;
            connectTimeoutMs?: number /** Until its first byte; 120000 unless said. */;
            firstByteTimeoutMs?: number /** Longest pause in its answer; 120000 unless said. */;
            idleTimeoutMs?: number /** Of the whole exchange; 1800000 unless said. */;
            totalTimeoutMs?: number /** That all its callers share. */;
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Requests at once, over all replicas. */;
              concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
              onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
            } /** What a client’s abort does to the provider’s answer; cancel unless said. */;
            abort?:
              | 'cancel'
              | 'drain' /** Whose turn comes first where requests wait for room at deployments: `interactive`, `standard`, `flex`, `batch`. Nobody starves: every second turn goes to who has waited too long. standard unless said. */;
            class?:
              | 'interactive'
              | 'standard'
              | 'flex'
              | 'batch' /** Longest wait for room when every deployment that may answer is full; then `deployment_saturated`. 0: none. 1000 unless said. */;
            queueMs?: number /** How many attempts after the first the requests of one organisation may cause here in ten seconds. Beyond it, only deployments that are well are asked, and nobody twice. */;
            retryBudget?: {
              /** Further attempts for a hundred requests; 20 unless said. */ percent?: number /** Further attempts a second that are allowed however few requests come; 10 unless said. */;
              perSecond?: number;
            } /** Send a request that gets no byte to a second deployment as well; who begins first answers. Its customer pays for one; the other is the operator’s cost. Never with tools that a provider runs. Nothing is sent twice unless said. */;
            hedge?: {
              /** Ask a second deployment after so long without a byte. */ afterMs?: number /** Or when the first one is slower than so many in a hundred of its own answers to requests of this size; not before enough were seen. */;
              percentile?: number /** Most requests in a hundred, and of their tokens, that are sent twice; 2 unless said. */;
              percent?: number;
            } /** What follows when a stream breaks off after its first content, where the request does not say (x-carrier-on-failure): `error` ends it; `restart` announces a whole new answer by the next candidate; `continue` lets one that documents it write the rest of a text. Where a request rules it out, `error`. Set it only if the route’s clients know the announcements: docs/guides/failover.md. `error` unless said. */;
            onFailure?:
              | 'error'
              | 'restart'
              | 'continue' /** How much of a stream’s first content is held back, whichever bound is reached first, so that a failure inside is not seen; every stream of the route begins that much later. Nothing unless said. */;
            holdBack?: { /** Of content, by estimate. */ tokens: number /** From the first content on. */; ms: number };
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['RouteResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/routes/{id}': {
    /** Show a route */ get: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['RouteResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Replace a route, or create it where it is not there */;
    put: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/json': {
            candidates: {
              /** Of this file or stored before. */ deployment: string /** Share among candidates of one priority. */;
              weight?: number /** Lower first. */;
              priority?: number;
            }[] /** How candidates are put in order: `priority` (lower `priority` first, then by weight), `weighted`, `cheapest` (for the customer), `fastest`, `balanced`, `sticky` (one session, one place). All but the first ignore `priority`. `priority` unless said. */;
            policy?:
              | 'priority'
              | 'weighted'
              | 'cheapest'
              | 'fastest'
              | 'balanced'
              | 'sticky' /** Candidates at which a request is expected to cost its customer more are left out (`COST_OVER_CAP`): by the sell price, its estimated input and the usual length of the route’s answers. In the currency of the sell book; no cap unless said. */;
            costMax?: string /** Attempts after the first; 2 unless said. */;
            retries?: number /** Until the provider accepts a connection; 5000 unless said. */;
            connectTimeoutMs?: number /** Until its first byte; 120000 unless said. */;
            firstByteTimeoutMs?: number /** Longest pause in its answer; 120000 unless said. */;
            idleTimeoutMs?: number /** Of the whole exchange; 1800000 unless said. */;
            totalTimeoutMs?: number /** That all its callers share. */;
            limits?: {
              /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
              requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
              tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
              tokensPerDay?: number /** Requests at once, over all replicas. */;
              concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
              shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
              onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
            } /** What a client’s abort does to the provider’s answer; cancel unless said. */;
            abort?:
              | 'cancel'
              | 'drain' /** Whose turn comes first where requests wait for room at deployments: `interactive`, `standard`, `flex`, `batch`. Nobody starves: every second turn goes to who has waited too long. standard unless said. */;
            class?:
              | 'interactive'
              | 'standard'
              | 'flex'
              | 'batch' /** Longest wait for room when every deployment that may answer is full; then `deployment_saturated`. 0: none. 1000 unless said. */;
            queueMs?: number /** How many attempts after the first the requests of one organisation may cause here in ten seconds. Beyond it, only deployments that are well are asked, and nobody twice. */;
            retryBudget?: {
              /** Further attempts for a hundred requests; 20 unless said. */ percent?: number /** Further attempts a second that are allowed however few requests come; 10 unless said. */;
              perSecond?: number;
            } /** Send a request that gets no byte to a second deployment as well; who begins first answers. Its customer pays for one; the other is the operator’s cost. Never with tools that a provider runs. Nothing is sent twice unless said. */;
            hedge?: {
              /** Ask a second deployment after so long without a byte. */ afterMs?: number /** Or when the first one is slower than so many in a hundred of its own answers to requests of this size; not before enough were seen. */;
              percentile?: number /** Most requests in a hundred, and of their tokens, that are sent twice; 2 unless said. */;
              percent?: number;
            } /** What follows when a stream breaks off after its first content, where the request does not say (x-carrier-on-failure): `error` ends it; `restart` announces a whole new answer by the next candidate; `continue` lets one that documents it write the rest of a text. Where a request rules it out, `error`. Set it only if the route’s clients know the announcements: docs/guides/failover.md. `error` unless said. */;
            onFailure?:
              | 'error'
              | 'restart'
              | 'continue' /** How much of a stream’s first content is held back, whichever bound is reached first, so that a failure inside is not seen; every stream of the route begins that much later. Nothing unless said. */;
            holdBack?: { /** Of content, by estimate. */ tokens: number /** From the first content on. */; ms: number };
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['RouteResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    post?: never /** Delete a route that nothing uses */;
    delete: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: { headers: { [name: string]: unknown }; content?: never };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Change a route: a JSON merge patch of its document */;
    patch: {
      parameters: {
        query?: never;
        path: { id: string };
        header?: { 'if-match'?: string; 'if-none-match'?: string };
        cookie?: never;
      };
      requestBody: {
        content: {
          'application/merge-patch+json': Record<string, unknown>;
          'application/json': Record<string, unknown>;
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['RouteResource'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
  };
  '/api/v1/secrets': {
    /** Which keys seal stored secrets, and whether references can be read */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Secrets'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/secrets/rotate': {
    get?: never;
    put?: never /** Seal under a new key from now on, and everything stored anew in the background */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              /** Of the key that seals from now on. */ id: string /** Seals everything anew; GET /api/v1/jobs shows how far it is. */;
              job: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/secrets/rotate-master': {
    get?: never;
    put?: never /** Replace the master key; replicas go on until their next start, which needs the new one */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** Where the server reads the new one, 32 to 512 characters. Without it the server makes one, if it keeps the master key in its data directory. */ newKey?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              /** Fingerprint of the one that starts nothing any more. */ before: string;
              after: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/service-account-tokens/{id}': {
    get?: never;
    put?: never;
    post?: never /** Revoke a token, by the eight characters of its id */;
    delete: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': { id: string; revoked: true } } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    patch?: never;
  };
  '/api/v1/service-accounts': {
    /** Service accounts and their tokens, without secrets */ get: {
      parameters: {
        query?: { limit?: number; after?: string; organisation?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['ServiceAccount'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Create a service account; give it a role, then a token */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': { name: string /** Of the installation unless said. */; organisation?: string };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ServiceAccount'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/service-accounts/{id}': {
    get?: never;
    put?: never;
    post?: never /** Remove a service account with its tokens and roles */;
    delete: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ServiceAccount'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    patch?: never;
  };
  '/api/v1/service-accounts/{id}/tokens': {
    get?: never;
    put?: never /** Create a token; it is in this answer and nowhere else */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': { /** How long it is valid. */ days?: number } } };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['ServiceAccountToken'] & { token: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/session': {
    /** Who the caller is and what roles they have */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['WhoAmI'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never /** Log out: end the session that asks */;
    delete: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': { ended: boolean } } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    patch?: never;
  };
  '/api/v1/status': {
    /** How this replica is */ get: {
      parameters: { query?: never; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': { release: string; revision: string; notices: string[] } & Record<string, unknown>;
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/true-ups/responses': {
    get?: never;
    put?: never /** Book what providers’ own answers said attempts cost; one step, to be repeated with `next` */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': { from: string; to: string; after?: { at: string; exchange: string; attempt: number } };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              booked: number /** Quarantined, or in another currency than what is owed. */;
              left: number;
              next?: { at: string; exchange: string; attempt: number };
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/usage': {
    /** Requests, tokens and amounts of whole hours, added up */ get: {
      parameters: {
        query: { by: string; from?: string; to?: string; organisation?: string; project?: string; key?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              by: string /** Start of the first hour that is covered. */;
              from: string /** End of the last hour that is covered. */;
              to: string /** What was asked for, where the whole hours it touches are more. */;
              asked?: { from: string; to: string };
              rows: ({
                by: string;
                name?: string;
                requests: number;
                sell: { amount: string; currency: string } | null;
                buy: { amount: string; currency: string } | null;
              } & Record<string, unknown>)[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/usage-events': {
    /** List usage events with what they are worth, newest first */ get: {
      parameters: {
        query?: {
          limit?: number;
          after?: string;
          organisation?: string;
          project?: string;
          meter?: string;
          state?: 'rated' | 'quarantined';
          from?: string;
          to?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['RatedUsageEvent'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Tell usage that is no exchange, as CloudEvents 1.0: one, or a list that is taken whole or not at all */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/cloudevents+json':
            | components['schemas']['UsageEvent']
            | components['schemas']['UsageEvent'][]
            | unknown
            | null;
          'application/cloudevents-batch+json':
            | components['schemas']['UsageEvent']
            | components['schemas']['UsageEvent'][]
            | unknown
            | null;
          'application/json':
            | components['schemas']['UsageEvent']
            | components['schemas']['UsageEvent'][]
            | unknown
            | null;
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['UsageEventResult'][] } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/usage-events/rate': {
    get?: never;
    put?: never /** Rate again what had no price; one step, to be repeated with `next` until there is none */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            after?: string /** By the prices of this instant, for what was used before there was a price; the instant of use unless said. */;
            pricesOf?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { rated: number; left: number; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/usage-events/rerate': {
    get?: never;
    put?: never /** Rate usage events again, for some seconds; what comes out otherwise is reversed and booked anew. A price by the month changes for the whole month */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** Of use. Inclusive. */ from: string /** Exclusive. */;
            to: string;
            organisation?: string /** organisation/project */;
            project?: string /** vendor/name */;
            product?: string /** Who is owed. */;
            provider?: string;
            meter?: string /** Only this price version, whenever it holds; else those in force. */;
            version?: string /** Says what would change, and changes nothing. */;
            dryRun?: boolean /** Kept with every rating. */;
            reason?: string /** Names this piece of work in every rating; one is made unless said. */;
            run?: string /** `next` of the step before. */;
            after?: string;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['UsageRerateStep'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/usage-events/{id}': {
    /** One usage event by its ref, with its lines */ get: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['RatedUsageEvent'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/usage-months': {
    /** Sums of months by which usage is priced: what was counted, what is left free, what it comes to */ get: {
      parameters: {
        query?: { limit?: number; after?: string; book?: 'sell' | 'buy'; subject?: string; month?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['UsageMonth'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/users': {
    /** Users of the installation */ get: {
      parameters: { query?: { limit?: number; after?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['User'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/users/{id}/disable': {
    get?: never;
    put?: never /** Let a user in no more; their sessions end, their roles stay */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['User'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/users/{id}/enable': {
    get?: never;
    put?: never /** Let a user in again, with the roles they had */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': components['schemas']['User'] } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/users/{id}/end-sessions': {
    get?: never;
    put?: never /** End every session of a user */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { 'application/json': { ended: number } } };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/users/{id}/reset': {
    get?: never;
    put?: never /** Let a user choose a new password once; the second factor goes. The token is in this answer only */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { token: string; expiresAt: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/wallets': {
    /** Wallets of all organisations, by organisation and currency */ get: {
      parameters: { query?: { limit?: number; after?: string }; path?: never; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': { items: (components['schemas']['Wallet'] & { id: string })[]; next?: string };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/wallets/{id}': {
    /** Wallets of one organisation: balance, held, available, what expires next, use by day */ get: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              organisation: string;
              terms: 'prepaid' | 'postpaid';
              wallets: (components['schemas']['Wallet'] & {
                used: {
                  day: string;
                  amount: string /** What two grants paid for together counts twice. */;
                  payments: number;
                }[];
              })[];
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/wallets/{id}/grants': {
    /** Grants of an organisation, oldest first */ get: {
      parameters: {
        query?: { limit?: number; after?: string; all?: 'true' | 'false' };
        path: { id: string };
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Grant'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Grant; the same id with the same content grants once */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** Yours, unique in the organisation: ordering it again grants nothing more. */ id: string /** paid: debits cash. promotional: debits promo_expense. included: debits revenue:seats. */;
            kind?: 'paid' | 'promotional' | 'included' /** Decimal string. */;
            amount: string /** ISO 4217; that of the sell book unless said. */;
            currency?: string /** Lower is used first. */;
            priority?: number /** First instant at which it pays; now unless said. */;
            effectiveAt?: string /** First instant at which it pays no more; never unless said. */;
            expiresAt?: string /** What it pays for; everything unless said. */;
            scope?: {
              /** Patterns over vendor/name. */ models?: string[] /** Patterns over names of provider accounts. */;
              providers?: string[] /** Patterns over meters. Requests are never admitted on such a grant; it pays when they are booked. */;
              meters?: string[];
            } /** Where it came from: an order, a contract. */;
            source?: string;
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { outcome: 'granted' | 'exists'; grant: components['schemas']['Grant'] } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/wallets/{id}/statement': {
    /** What moved the wallet of an organisation in a time, by when it was booked; whole hours, UTC */ get: {
      parameters: {
        query: { limit?: number; after?: string; from: string; to: string; currency?: string };
        path: { id: string };
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': {
              organisation: string;
              currency: string;
              from: string;
              to: string;
              opening: string;
              closing: string;
              totals: {
                granted?: string;
                used?: string;
                repaid?: string;
                voided?: string;
                refunded?: string;
                expired?: string;
                corrected?: string;
              } /** Opening, totals and closing in whole minor units, fitted so that they add up. */;
              rounded: Record<string, string>;
              owed: { opening: string; closing: string };
              movements: {
                day: string /** null: the line. */;
                grant: string | null;
                kind: 'granted' | 'used' | 'repaid' | 'voided' | 'refunded' | 'expired' | 'corrected';
                amount: string;
                count: number;
              }[];
              next?: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/webhook-deliveries': {
    /** What was told to webhooks in the last 30 days, and what waits; newest first */ get: {
      parameters: {
        query?: {
          webhook?: string;
          state?: 'waiting' | 'delivered' | 'failed' | 'given-up';
          limit?: number;
          after?: string;
        };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['WebhookDelivery'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    patch?: never;
  };
  '/api/v1/webhook-deliveries/{id}/redeliver': {
    get?: never;
    put?: never /** Tell it again, under the same id */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['WebhookDelivery'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/webhooks': {
    /** Webhooks, without their secrets */ get: {
      parameters: {
        query?: { limit?: number; after?: string; organisation?: string };
        path?: never;
        header?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': { items: components['schemas']['Webhook'][]; next?: string } };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never /** Create a webhook; its secret is in this answer and nowhere else */;
    post: {
      parameters: { query?: never; path?: never; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** Of the installation unless said. */ organisation?: string /** Where notices are posted to: https, at public addresses, at the usual port. Other networks only where the setting `webhooks.allowAddresses` names them. */;
            url: string /** For people. */;
            description?: string /** What it is told of: `*` is everything, `key.*` all of a resource. Kinds: `key.created`: A key was created. `key.rotated`: A key got another secret. `key.revoked`: A key was revoked or removed. `key.expiring`: A key ends within seven days, and again within one. `key.expired`: A key has ended. `budget.threshold`: A budget has passed one of its `warnAt`; once for each and window. `budget.refused`: A hard budget has refused a request; once a window. `budget.would-refuse`: A budget in shadow mode would have refused a request; once a window. `limit.reached`: A limit has refused requests; once an hour. `limit.would-refuse`: A limit in shadow mode would have refused requests; once an hour. `wallet.low`: A wallet has fallen below its `lowBalance`. `alert.raised`: An operator should look: prices that are missing and usage in quarantine, and the rest of `carrier alerts`; once a code and ten minutes. To the installation only. `breaker.opened`: A deployment is not asked any more because it fails; once a replica and ten minutes. To the installation only. `webhook.disabled`: A webhook is told nothing any more, since nothing has succeeded for five days or it answered 410. `webhook.test`: Somebody asked for a test. */;
            events?: string[] /** paused: what waits goes on waiting; nothing new is added. */;
            state?: 'active' | 'paused';
          };
        };
      };
      responses: {
        201: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': components['schemas']['Webhook'] & {
              /** Signs what is sent (Standard Webhooks). In this answer and nowhere else. */ secret: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/webhooks/{id}': {
    /** One webhook */ get: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Webhook'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    put?: never;
    post?: never /** Remove a webhook with what waits for it */;
    delete: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Webhook'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    } /** Change, pause or switch on a webhook */;
    patch: {
      parameters: { query?: never; path: { id: string }; header?: never; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** Where notices are posted to: https, at public addresses, at the usual port. Other networks only where the setting `webhooks.allowAddresses` names them. */ url?: string /** For people. */;
            description?: string /** What it is told of: `*` is everything, `key.*` all of a resource. Kinds: `key.created`: A key was created. `key.rotated`: A key got another secret. `key.revoked`: A key was revoked or removed. `key.expiring`: A key ends within seven days, and again within one. `key.expired`: A key has ended. `budget.threshold`: A budget has passed one of its `warnAt`; once for each and window. `budget.refused`: A hard budget has refused a request; once a window. `budget.would-refuse`: A budget in shadow mode would have refused a request; once a window. `limit.reached`: A limit has refused requests; once an hour. `limit.would-refuse`: A limit in shadow mode would have refused requests; once an hour. `wallet.low`: A wallet has fallen below its `lowBalance`. `alert.raised`: An operator should look: prices that are missing and usage in quarantine, and the rest of `carrier alerts`; once a code and ten minutes. To the installation only. `breaker.opened`: A deployment is not asked any more because it fails; once a replica and ten minutes. To the installation only. `webhook.disabled`: A webhook is told nothing any more, since nothing has succeeded for five days or it answered 410. `webhook.test`: Somebody asked for a test. */;
            events?: string[] /** paused: what waits goes on waiting; nothing new is added. */;
            state?: 'active' | 'paused';
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['Webhook'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
  };
  '/api/v1/webhooks/{id}/rotate': {
    get?: never;
    put?: never /** Give a webhook another secret; for a while both sign */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: {
        content: {
          'application/json': {
            /** How long the secret of before signs, too. 0: it signs nothing any more. */ overlapSeconds?: number;
          };
        };
      };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: {
            'application/json': components['schemas']['Webhook'] & {
              /** Signs what is sent (Standard Webhooks). In this answer and nowhere else. */ secret: string;
            };
          };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
  '/api/v1/webhooks/{id}/test': {
    get?: never;
    put?: never /** Send a `webhook.test` now, once, and say how it went */;
    post: {
      parameters: { query?: never; path: { id: string }; header?: { 'idempotency-key'?: string }; cookie?: never };
      requestBody: { content: { 'application/json': Record<string, never> } };
      responses: {
        200: {
          headers: { [name: string]: unknown };
          content: { 'application/json': components['schemas']['WebhookDelivery'] };
        };
        default: {
          headers: { [name: string]: unknown };
          content: { 'application/problem+json': components['schemas']['Problem'] };
        };
      };
    };
    delete?: never;
    patch?: never;
  };
}
export interface components {
  schemas: {
    Change: {
      action: 'create' | 'update' | 'delete';
      kind: string;
      name: string;
      fields: { path: string; before?: string; after?: string }[];
    };
    Problem: {
      type: string;
      title: string;
      status: number;
      detail: string;
      code: string;
      recovery: string;
      errors?: { path: string; code: string; message: string; line?: number; column?: number }[];
    };
    OrganisationResource: {
      /** The name. */ id: string /** As a declarative file writes it, and as PUT takes it. */;
      document: {
        /** Names of tags that requests bring (`x-carrier-tags`) and usage is told apart by, with at most 1000 values each; further values count as `(others)`. Tags of keys need not be named. None unless said. */ usageTags?: string[];
        budget?: {
          /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
          period?:
            | 'day'
            | 'week'
            | 'month'
            | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
          hard?: boolean /** Parts of the limit at which to warn. */;
          warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
          shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
          onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
        } /** Further budgets; each may be narrowed to some models, providers or routes. All that apply must hold. */;
        budgets?: {
          /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
          period?:
            | 'day'
            | 'week'
            | 'month'
            | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
          hard?: boolean /** Parts of the limit at which to warn. */;
          warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
          shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
          onExhausted?: {
            /** Route, deployment or model that serves instead. */ route: string;
          } /** Pattern over `vendor/name`: only what such a model answers. */;
          model?: string /** Pattern over names of provider accounts: only what such a one answers. */;
          provider?: string /** Pattern over the names that requests ask for. */;
          route?: string;
        }[];
        limits?: {
          /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
          requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
          tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
          tokensPerDay?: number /** Requests at once, over all replicas. */;
          concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
          shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
          onExhausted?: {
            /** Route, deployment or model that serves instead. */ route: string;
          } /** Limits of some models, providers or routes. */;
          of?: {
            /** Pattern over `vendor/name`: requests that may go to such a model. */ model?: string /** Pattern over names of provider accounts. */;
            provider?: string /** Pattern over the names that requests ask for. */;
            route?: string /** Requests in a UTC minute, over all replicas. */;
            requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
            requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
            tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
            tokensPerDay?: number /** Requests at once, over all replicas. */;
            concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
            shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
            onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
          }[];
        } /** prepaid: requests that its wallet cannot pay are refused. postpaid: what its wallet does not pay is owed. */;
        terms?:
          | 'prepaid'
          | 'postpaid' /** Of prepaid: what may be owed beyond the wallet, in the currency of the sell book; nothing unless said. */;
        overdraft?: string /** Of postpaid: the most that may be owed; requests that would pass it are refused. Without a bound unless said. */;
        creditLimit?: string /** Raises an alert each time what is left of its wallet and its line falls below so much, in the currency of the sell book. None unless said. */;
        lowBalance?: string;
      };
    };
    ProjectResource: {
      /** organisation/name */ id: string /** As a declarative file writes it, and as PUT takes it. */;
      document: {
        /** Names it may ask for: `*` within a segment, `**` all. */ allow?: string[] /** Where its prompts may be processed; anywhere unless said. */;
        zones?: string[] /** Fetch media named by URL, where a provider needs bytes: public addresses only, in the zones. */;
        mediaFetch?: boolean;
        budget?: {
          /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
          period?:
            | 'day'
            | 'week'
            | 'month'
            | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
          hard?: boolean /** Parts of the limit at which to warn. */;
          warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
          shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
          onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
        } /** Further budgets; each may be narrowed to some models, providers or routes. All that apply must hold. */;
        budgets?: {
          /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
          period?:
            | 'day'
            | 'week'
            | 'month'
            | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
          hard?: boolean /** Parts of the limit at which to warn. */;
          warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
          shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
          onExhausted?: {
            /** Route, deployment or model that serves instead. */ route: string;
          } /** Pattern over `vendor/name`: only what such a model answers. */;
          model?: string /** Pattern over names of provider accounts: only what such a one answers. */;
          provider?: string /** Pattern over the names that requests ask for. */;
          route?: string;
        }[];
        limits?: {
          /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
          requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
          tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
          tokensPerDay?: number /** Requests at once, over all replicas. */;
          concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
          shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
          onExhausted?: {
            /** Route, deployment or model that serves instead. */ route: string;
          } /** Limits of some models, providers or routes. */;
          of?: {
            /** Pattern over `vendor/name`: requests that may go to such a model. */ model?: string /** Pattern over names of provider accounts. */;
            provider?: string /** Pattern over the names that requests ask for. */;
            route?: string /** Requests in a UTC minute, over all replicas. */;
            requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
            requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
            tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
            tokensPerDay?: number /** Requests at once, over all replicas. */;
            concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
            shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
            onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
          }[];
        };
      };
    };
    ProviderResource: {
      /** The name. */ id: string /** environment: made at start from what the server finds in its environment. */;
      origin: 'declared' | 'environment' /** As a declarative file writes it, and as PUT takes it. */;
      document: {
        /** Of providers/; unless said, the one whose host `baseUrl` names, else any compatible. Say it behind a proxy: the name of the account tells nothing. */ kind?: string /** The wire format it is called in. */;
        dialect?:
          | 'openai-chat'
          | 'anthropic-messages'
          | 'openai-responses'
          | 'gemini'
          | 'cohere-chat'
          | 'bedrock-converse' /** Several, in its order of preference; the client’s own is called when it is among them. */;
        dialects?: (
          | 'openai-chat'
          | 'anthropic-messages'
          | 'openai-responses'
          | 'gemini'
          | 'cohere-chat'
          | 'bedrock-converse'
        )[] /** Where it is reached; the kind’s own unless said. */;
        baseUrl?: string /** Its key, as env:NAME or file:path, resolved by the server. In exports stored:… is one that was given by the management API: it is kept where it is stored, and refused elsewhere. */;
        credential?: string /** Of attempts at all its deployments together; where one is used up, the next candidate is tried. */;
        limits?: {
          /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
          requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
          tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
          tokensPerDay?: number /** Requests at once, over all replicas. */;
          concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
          shadow?: boolean;
        };
      };
    };
    DeploymentResource: {
      /** The name. */ id: string /** environment: made at start from what the server finds in its environment. */;
      origin: 'declared' | 'environment' /** As a declarative file writes it, and as PUT takes it. */;
      document: {
        /** Its name until now: renames a stored deployment, which stays the same to routing. */ was?: string /** Account that serves it. */;
        provider: string /** vendor/name, as clients may ask for it. */;
        model: string /** What the provider calls the model; the part of `model` after the vendor unless said. */;
        targetModel?: string;
        zones?: {
          /** Where prompts are processed; without `zones` it is GLOBAL. */ processing: string;
        } /** Of attempts; where one is used up, the next candidate is tried. */;
        limits?: {
          /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
          requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
          tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
          tokensPerDay?: number /** Attempts at once in one replica. */;
          concurrency?: number /** Of its concurrency, as configured or found out, for requests that another deployment failed, so that one outage does not become two; where nobody else has room they come all the same. 30 unless said. */;
          inflowPercent?: number /** Of what is counted by minute or day: report what would have been refused, and refuse nothing. */;
          shadow?: boolean;
        } /** Longest answer; bounds holds. 32000 unless said. */;
        outputTokensMax?: number /** What it can do beyond text; requests that need more go elsewhere. Everything is tried unless said. */;
        capabilities?: (
          | 'tools'
          | 'images'
          | 'documents'
          | 'audio'
          | 'json-object'
          | 'json-schema'
          | 'reasoning'
          | 'logprobs'
          | 'several-answers'
        )[] /** Context window; longer requests, by estimate, go elsewhere. Not looked at unless said. */;
        contextTokensMax?: number /** Most tokens of one image; bounds holds. 32768 unless said. */;
        mediaTokensMax?: number /** Most pages of all documents of a request, by the provider’s own limit; bounds holds. 100 unless said. */;
        documentPagesMax?: number /** Most tokens of one page, its text and its picture; bounds holds. 4600 unless said. */;
        documentTokensPerPage?: number /** Most tokens of a second of audio; bounds holds. 32 unless said. */;
        audioTokensPerSecond?: number /** Most calls of each priced tool that the provider runs itself, where the request names no bound (`max_uses`); bounds holds. 10 unless said. */;
        toolCallsMax?: number /** Most input tokens that a call of such a tool brings, as search results or a fetched page; bounds holds. 10000 unless said. */;
        toolTokensPerCall?: number;
      };
    };
    RouteResource: {
      /** The name. */ id: string /** environment: made at start from what the server finds in its environment. */;
      origin: 'declared' | 'environment' /** As a declarative file writes it, and as PUT takes it. */;
      document: {
        candidates: {
          /** Of this file or stored before. */ deployment: string /** Share among candidates of one priority. */;
          weight?: number /** Lower first. */;
          priority?: number;
        }[] /** How candidates are put in order: `priority` (lower `priority` first, then by weight), `weighted`, `cheapest` (for the customer), `fastest`, `balanced`, `sticky` (one session, one place). All but the first ignore `priority`. `priority` unless said. */;
        policy?:
          | 'priority'
          | 'weighted'
          | 'cheapest'
          | 'fastest'
          | 'balanced'
          | 'sticky' /** Candidates at which a request is expected to cost its customer more are left out (`COST_OVER_CAP`): by the sell price, its estimated input and the usual length of the route’s answers. In the currency of the sell book; no cap unless said. */;
        costMax?: string /** Attempts after the first; 2 unless said. */;
        retries?: number /** Until the provider accepts a connection; 5000 unless said. */;
        connectTimeoutMs?: number /** Until its first byte; 120000 unless said. */;
        firstByteTimeoutMs?: number /** Longest pause in its answer; 120000 unless said. */;
        idleTimeoutMs?: number /** Of the whole exchange; 1800000 unless said. */;
        totalTimeoutMs?: number /** That all its callers share. */;
        limits?: {
          /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
          requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
          tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
          tokensPerDay?: number /** Requests at once, over all replicas. */;
          concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
          shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
          onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
        } /** What a client’s abort does to the provider’s answer; cancel unless said. */;
        abort?:
          | 'cancel'
          | 'drain' /** Whose turn comes first where requests wait for room at deployments: `interactive`, `standard`, `flex`, `batch`. Nobody starves: every second turn goes to who has waited too long. standard unless said. */;
        class?:
          | 'interactive'
          | 'standard'
          | 'flex'
          | 'batch' /** Longest wait for room when every deployment that may answer is full; then `deployment_saturated`. 0: none. 1000 unless said. */;
        queueMs?: number /** How many attempts after the first the requests of one organisation may cause here in ten seconds. Beyond it, only deployments that are well are asked, and nobody twice. */;
        retryBudget?: {
          /** Further attempts for a hundred requests; 20 unless said. */ percent?: number /** Further attempts a second that are allowed however few requests come; 10 unless said. */;
          perSecond?: number;
        } /** Send a request that gets no byte to a second deployment as well; who begins first answers. Its customer pays for one; the other is the operator’s cost. Never with tools that a provider runs. Nothing is sent twice unless said. */;
        hedge?: {
          /** Ask a second deployment after so long without a byte. */ afterMs?: number /** Or when the first one is slower than so many in a hundred of its own answers to requests of this size; not before enough were seen. */;
          percentile?: number /** Most requests in a hundred, and of their tokens, that are sent twice; 2 unless said. */;
          percent?: number;
        } /** What follows when a stream breaks off after its first content, where the request does not say (x-carrier-on-failure): `error` ends it; `restart` announces a whole new answer by the next candidate; `continue` lets one that documents it write the rest of a text. Where a request rules it out, `error`. Set it only if the route’s clients know the announcements: docs/guides/failover.md. `error` unless said. */;
        onFailure?:
          | 'error'
          | 'restart'
          | 'continue' /** How much of a stream’s first content is held back, whichever bound is reached first, so that a failure inside is not seen; every stream of the route begins that much later. Nothing unless said. */;
        holdBack?: { /** Of content, by estimate. */ tokens: number /** From the first content on. */; ms: number };
      };
    };
    Key: {
      /** The eight characters that every secret of it begins with. */ id: string;
      name: string;
      project: string;
      state: 'active' | 'expired' | 'revoked' /** null: by a release that did not note it. */;
      createdAt: string | null;
      expiresAt: string | null;
      revoked: boolean;
      allow: string[] | null;
      zones: string[] | null /** null: as the project. */;
      mediaFetch: boolean | null /** Until when secrets that were rotated away are good, the newest first. */;
      previousUntil: string[] /** As a declarative file writes it, and as PUT takes it. */;
      document: {
        /** An imported secret of 32 characters or more, as env:NAME or file:path. */ secret?: string /** First instant at which it is refused; never unless said. */;
        expiresAt?: string /** For good: a file cannot undo it. */;
        revoked?: boolean /** Narrows the project’s; as the project unless said. */;
        allow?: string[] /** Narrows the project’s; as the project unless said. */;
        zones?: string[] /** Route policies that x-carrier-policy may ask for; all unless said, none when empty. */;
        policies?: (
          | 'priority'
          | 'weighted'
          | 'cheapest'
          | 'fastest'
          | 'balanced'
          | 'sticky'
        )[] /** Lower the output limit, declared, rather than refuse what a budget cannot hold. */;
        lowerOutputToFit?: boolean /** Fetch media that it names by URL, where a provider needs bytes; as the project unless said. */;
        mediaFetch?: boolean /** Addresses and networks that it may be used from; `key_address_refused` elsewhere. Behind proxies say them in `process.trustedProxies`. Anywhere unless said. */;
        addresses?: string[] /** Web origins that it may be used from, by the `Origin` header that browsers send; `key_origin_refused` elsewhere and without one. Pages of these origins may call from a browser (CORS). Any unless said. */;
        origins?: string[] /** Put on each of its requests, and told apart in usage: `carrier usage --by tag:team`. A request cannot say another value. */;
        tags?: Record<string, string>;
        budget?: {
          /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
          period?:
            | 'day'
            | 'week'
            | 'month'
            | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
          hard?: boolean /** Parts of the limit at which to warn. */;
          warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
          shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
          onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
        } /** Further budgets; each may be narrowed to some models, providers or routes. All that apply must hold. */;
        budgets?: {
          /** In the currency of the sell book. */ limit: string /** UTC calendar; weeks begin on Monday. */;
          period?:
            | 'day'
            | 'week'
            | 'month'
            | 'total' /** Requests that do not fit are refused; otherwise warned about only. */;
          hard?: boolean /** Parts of the limit at which to warn. */;
          warnAt?: string[] /** Of a hard one: refuse nothing, and tell once a period when it would have refused. */;
          shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free. */;
          onExhausted?: {
            /** Route, deployment or model that serves instead. */ route: string;
          } /** Pattern over `vendor/name`: only what such a model answers. */;
          model?: string /** Pattern over names of provider accounts: only what such a one answers. */;
          provider?: string /** Pattern over the names that requests ask for. */;
          route?: string;
        }[];
        limits?: {
          /** Requests in a UTC minute, over all replicas. */ requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
          requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
          tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
          tokensPerDay?: number /** Requests at once, over all replicas. */;
          concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
          shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
          onExhausted?: {
            /** Route, deployment or model that serves instead. */ route: string;
          } /** Limits of some models, providers or routes. */;
          of?: {
            /** Pattern over `vendor/name`: requests that may go to such a model. */ model?: string /** Pattern over names of provider accounts. */;
            provider?: string /** Pattern over the names that requests ask for. */;
            route?: string /** Requests in a UTC minute, over all replicas. */;
            requestsPerMinute?: number /** Requests in a UTC day, over all replicas. */;
            requestsPerDay?: number /** Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end. */;
            tokensPerMinute?: number /** Tokens read and written in a UTC day, over all replicas. */;
            tokensPerDay?: number /** Requests at once, over all replicas. */;
            concurrency?: number /** Count and report what would have been refused, and refuse nothing. */;
            shadow?: boolean /** Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. */;
            onExhausted?: { /** Route, deployment or model that serves instead. */ route: string };
          }[];
        };
      };
    };
    AuditEvent: {
      id: string;
      at: string;
      actor: string /** null: of the installation. */;
      organisation: string | null;
      action: string;
      target: string /** done: committed together with this event. asked: written before the work began; what was refused then follows as an event of its own. refused: not done. */;
      outcome: 'done' | 'asked' | 'refused' /** null: there was nothing. Secrets read (redacted). */;
      before?: unknown;
      after?: unknown;
      requestId: string | null /** Where the request came from. */;
      address: string | null;
    };
    Deployment: {
      id: string;
      provider: string;
      model: string;
      targetModel: string;
      zones: { processing: string };
      limits: {
        concurrency: number | null /** Of it, for requests that another deployment failed. */;
        inflowPercent: number;
      };
      outputTokensMax: number;
      sell: components['schemas']['RateCard'];
      buy: components['schemas']['RateCard'] /** What keeps it from having a complete price: without both it is not called. */;
      missing: { sell: string[]; buy: string[] };
      origin: 'declared' | 'environment';
    };
    RateCard: {
      version: string;
      currency: string;
      rates: components['schemas']['Rates'];
      tiers: Record<string, unknown>[];
      cells?: ({ rates: components['schemas']['Rates']; tiers: Record<string, unknown>[] } & Record<string, unknown>)[];
      later?: {
        from: string;
        card: {
          version: string;
          currency: string;
          rates: components['schemas']['Rates'];
          tiers: Record<string, unknown>[];
          cells?: ({ rates: components['schemas']['Rates']; tiers: Record<string, unknown>[] } & Record<
            string,
            unknown
          >)[];
        } | null;
      }[];
    } | null;
    Rates: Record<
      string,
      | string
      | {
          amount: string;
          per: string;
          minimum?: number;
          free?: string;
          graduated?: { above: string; amount: string }[];
          volume?: { above: string; amount: string }[];
        }
    >;
    Publication: {
      revision: string;
      changes: {
        book: string;
        from: string | null;
        target: string;
        where: string;
        meter: string;
        before: string | null;
        after: string | null;
        changePercent: string | null;
        factor: string | null;
      }[];
      changesInAll: number;
      versions: string[];
      notices: string[];
    };
    PriceFact: {
      id: string;
      approved: Record<string, unknown>[] | null;
      held: Record<string, unknown>[] | null;
      reasons: string[] | null;
    };
    FactReview: {
      version: string;
      unchanged: number;
      changes: {
        provider: string;
        model: string;
        change: 'new' | 'changed' | 'gone';
        lines: { from: string | null; where: string; meter: string; before: string | null; after: string | null }[];
        reasons: string[];
        snapped: string[];
      }[];
      excluded: { provider: string; model: string; reason: string }[];
    };
    ExchangeSummary: {
      id: string;
      at: string;
      principal: { organisation: string; project: string; key: string };
      dialect: string;
      requestedModel: string /** settled: charged by what the provider reported. estimated: charged by a named rule, or cut without anything delivered. void: nothing was delivered and nothing is charged. quarantined: it cannot be rated yet. */;
      status:
        | 'settled'
        | 'estimated'
        | 'void'
        | 'quarantined' /** What the customer is charged; null when nothing is: always for `void` and `quarantined`. */;
      sell: ({ amount: string; currency: string; version: string } & Record<string, unknown>) | null;
      sandbox: boolean;
    } & Record<string, unknown>;
    Exchange: {
      id: string;
      at: string;
      principal: { organisation: string; project: string; key: string };
      dialect: string;
      requestedModel: string /** settled: charged by what the provider reported. estimated: charged by a named rule, or cut without anything delivered. void: nothing was delivered and nothing is charged. quarantined: it cannot be rated yet. */;
      status:
        | 'settled'
        | 'estimated'
        | 'void'
        | 'quarantined' /** What the customer is charged; null when nothing is: always for `void` and `quarantined`. */;
      sell: ({ amount: string; currency: string; version: string } & Record<string, unknown>) | null;
      sandbox: boolean /** What the customer pays for: the delivered attempt’s; null when none was delivered, as for `void`. */;
      reading: ({ source: 'provider' | 'estimated' | 'none' } & Record<string, unknown>) | null;
      attempts: ({
        deployment: string;
        targetModel: string;
        servedModel: string | null;
        outcome: string /** Disjoint slices by name; a slice that was not said is absent. */;
        reading: { source: 'provider' | 'estimated' | 'none' } & Record<
          string,
          unknown
        > /** What the provider is owed; null when nothing is, or when it is not known (quarantined). */;
        buy: ({ amount: string; currency: string; version: string } & Record<string, unknown>) | null;
      } & Record<
        string,
        unknown
      >)[] /** Milliseconds in the waiting line for a place, all attempts together; null: it did not wait. */;
      queuedMs: number | null /** What was left out because the record was over its bound; empty nearly always. */;
      trimmed: string[];
    } & Record<string, unknown>;
    Explanation: {
      id: string;
      at: string;
      requestedModel: string;
      dialect: string;
      status: string /** `ok`, or the fault that the client got. */;
      outcome: string;
      durationMs: number;
      policy: string /** What the decision was told of the request. */;
      asked: { inputTokens: number; outputTokens: number } & Record<
        string,
        unknown
      > /** More than half of what policy allowed was unhealthy, so nobody was left out for that. */;
      panic: boolean;
      epoch: number;
      seed: string;
      candidates: {
        /** Its name at that time. */ deployment: string;
        handle: string;
        fate:
          | 'answered'
          | 'tried'
          | 'reserve'
          | 'left-out' /** In the order to try, from 1; null when it was left out. */;
        place: number | null;
        reasons: string[];
        weight: number;
        priority: number;
        zone: string /** Its chance of the first place before the draw, parts per million. */;
        chancePpm: number;
        score: number | null;
        costNano: number | null;
        savedNano: number | null;
        health: Record<string, unknown>;
      }[];
      attempts: {
        attempt: number;
        deployment: string;
        outcome: string;
        status: number | null;
        durationMs: number;
        firstByteMs: number | null;
      }[] /** Where nobody was compliant: the fewest rules to lift, and whom that would let in. */;
      relaxations: { lift: string[]; deployments: string[] }[];
      replay: 'same' | 'different' | 'unreadable';
      record: string;
    };
    DeploymentHealth: {
      id: string;
      provider: string;
      model: string /** idle: nothing is known of it. well: it answers. recovering: its share of traffic rises, since it is new or back. saturated: as many attempts at once as it takes. probing: single requests find out whether it is back. cooling: it asked to be left alone (429, 529) until coolingUntil. open: it fails, and is asked last. misconfigured: it refuses our credential or its model; only an answer or another configuration mends that. */;
      state: 'idle' | 'well' | 'recovering' | 'saturated' | 'probing' | 'cooling' | 'open' | 'misconfigured';
      breaker: {
        state:
          | 'closed'
          | 'half-open'
          | 'open'
          | 'misconfigured' /** The smallest thing that explains the failures: of anything wider, all that were tried lately fail. */;
        scope:
          | 'deployment'
          | 'account'
          | 'model'
          | 'provider'
          | 'domain'
          | null /** Of that account, model, provider or domain. */;
        name: string | null /** When it is probed next. */;
        until: string | null;
      };
      coolingUntil:
        | string
        | null /** Part of its attempts that failed by its own doing, 0 to 1; the last minute counts most. */;
      errorRate: number | null /** null: nothing was answered in the last minutes. */;
      latency: {
        /** Of a request without input. */ firstTokenMs: number;
        perInputTokenMs: number;
        perOutputTokenMs: number /** Two standard errors, as a part of the time; 0.1 is a tenth more or less. */;
        uncertainty: number;
      } | null;
      concurrency: {
        /** Attempts at once, when each worker last told the end of one. */ inFlight: number;
        max: number /** False: max was found out from how it answers. */;
        configured: boolean;
      } /** Part of its weight that it gets now, 0 to 1. */;
      share: number /** End of its last attempt that said something of it. */;
      triedAt: string | null;
    };
    Budget: {
      id: string;
      scope: 'key' | 'project' | 'organisation' | 'installation';
      subject: string;
      limit: string;
      currency: string;
      period: 'day' | 'week' | 'month' | 'total';
      hard: boolean;
      model?: string;
      provider?: string;
      route?: string;
      shadow: boolean /** The route that serves instead of a refusal. */;
      onExhausted?: string;
      windows: { window: string; spent: string; leased: string }[];
    };
    Alert: { id: string; at: string; code: string; message: string; exchangeId: string | null };
    Limit: {
      id: string;
      scope: 'organisation' | 'project' | 'key' | 'provider' | 'deployment' | 'route';
      subject: string;
      measure: 'requestsPerMinute' | 'requestsPerDay' | 'tokensPerMinute' | 'tokensPerDay' | 'concurrency';
      limit: number /** Pattern: only requests that may go to such a model. */;
      model?: string /** Pattern over names of provider accounts. */;
      provider?: string /** Pattern over names that requests ask for. */;
      route?: string /** Counts what it would have refused, and refuses nothing. */;
      shadow: boolean /** The route that requests take instead. */;
      onExhausted?: string /** Newest first; minutes are kept for 20 minutes. Counts are a few seconds old. */;
      windows: {
        from: string;
        to: string;
        used: number /** Given out to replicas; of concurrency, what they may have at this moment. */;
        setAside: number;
        refused: number;
        wouldHaveRefused: number;
      }[];
    };
    Wallet: {
      organisation: string;
      currency: string /** Left of grants in force. */;
      balance: string /** Of that and of the line, held for requests. */;
      held: string /** Overdraft or credit limit. */;
      line: string /** Charged to the line and not paid back. */;
      owed: string /** What a request for any model may still be given. */;
      available: string;
      expiringNext: { id: string; expiresAt: string; remaining: string } | null;
    };
    Grant: {
      organisation: string;
      id: string;
      kind: 'paid' | 'promotional' | 'included';
      currency: string;
      amount: string;
      remaining: string /** Of what remains, held by requests under way or to come. */;
      held: string;
      priority: number;
      effectiveAt: string;
      expiresAt: string | null;
      scope: { models?: string[]; providers?: string[]; meters?: string[] } | null;
      source: string | null;
      createdAt: string;
      state: 'future' | 'open' | 'expired' | 'used' | 'voided' | 'refunded';
    };
    EndedGrant: {
      organisation: string;
      id: string /** exists: it had ended so before. */;
      outcome: 'ended' | 'exists' /** What was taken back or given back. */;
      amount: string;
    };
    Job: {
      name: string;
      purpose: string;
      schedule: string /** running: at work in some replica. due: waits for a free runner. retrying: the last run did not end well and is tried again at dueAt. waiting: until dueAt. */;
      state: 'running' | 'due' | 'retrying' | 'waiting';
      dueAt: string | null /** Runs begun since the last that ended well. */;
      attempts: number;
      startedAt: string | null;
      endedAt: string | null /** Of the newest run. */;
      progress: ({ done: number } & Record<string, unknown>) | null;
      outcome: 'done' | 'failed' | null /** Of the last run that ended well. */;
      result: Record<string, unknown> | null;
      doneAt: string | null /** Why the last run failed; null once one has ended well. */;
      error: string | null;
    } & Record<string, unknown>;
    UsageEventResult: {
      source: string;
      id: string;
      ref: string /** accepted: rated and booked. quarantined: kept, and booked once there is a price. booked: a figure for a cost. duplicate: it was here before. conflict: its name was here before with other facts; the first counts. */;
      outcome: 'accepted' | 'quarantined' | 'booked' | 'duplicate' | 'conflict';
      reason?: string;
      sell?: { amount: string; currency: string; version: string };
      buy?: {
        amount: string;
        currency: string;
        version: string;
      } /** What an attempt was known to cost, and what it costs by the figure. */;
      cost?: { before: string; now: string; difference: string; currency: string };
    };
    UsageEvent: {
      specversion: '1.0' /** Derived from what was used, so that telling it again is the same event. */;
      id: string /** Who tells it; stable. With the id it names the event for ever. */;
      source: string;
      type:
        | 'ai.gateway.usage.v1'
        | 'ai.gateway.true-up.v1' /** When it was used; it chooses the price. At most 35 days back. */;
      time: string /** Usage: organisation, meter and quantity (whole, in the meter’s base unit), product (vendor/name of the price book) or deployment; also project, key, holders, provider, region, mode. True-up: exchange, attempt, cost { amount, currency }, origin. */;
      data: Record<string, unknown>;
    } & Record<string, unknown>;
    RatedUsageEvent: { ref: string; state: 'rated' | 'quarantined' } & Record<string, unknown>;
    UsageMonth: {
      id: string;
      book: 'sell' | 'buy';
      subject: string;
      product: string;
      meter: string /** Its first day, UTC. */;
      month: string /** Whose price holds throughout the month. */;
      version: string;
      quantity: string;
      free: string /** Of what is free, not used yet. */;
      freeLeft: string;
      amount: string;
      currency: string /** Rated again: another sum of the month holds, and what was in this one is there, or is being moved. */;
      replaced: boolean;
    };
    UsageRerateStep: {
      examined: number;
      corrected: number /** They wait for their first price: /api/v1/usage-events/rate. */;
      quarantined: number /** They stay as they are: no price holds for them, or their month is in another currency, or would have over 38 digits. */;
      unpriced: number;
      changes: {
        book: 'buy' | 'sell';
        product: string;
        meter: string;
        currency: string;
        fromVersion: string;
        toVersion: string /** Ratings; of a dry run without those that would only follow into another sum of their month. */;
        charges: number;
        before: string;
        after: string;
      }[];
      samples: ({ ref: string; before: string; after: string } & Record<
        string,
        unknown
      >)[] /** What was used before this instant is done; null: all of it. */;
      through: string | null /** Send it as `after` to go on. */;
      next?: string;
    };
    AccountBalance: {
      account: string;
      currency: string;
      kind:
        | 'asset'
        | 'liability'
        | 'income'
        | 'expense'
        | 'memo' /** Positive on the normal side of the account’s kind. */;
      balance: string /** The balance without what pending transfers would take from it. */;
      available: string;
      debit: string;
      credit: string;
      debitPending: string;
      creditPending: string;
      transfers: number;
    };
    TrialBalance: {
      /** The currency; `USD/memo` is off the balance. */ ledger: string;
      debit: string;
      credit: string;
      classes: {
        /** The first part of the account’s name. */ class: string;
        kind: string;
        accounts: number;
        debit: string;
        credit: string;
        balance: string;
      }[];
    };
    Transfer: {
      id: string;
      at: string;
      kind: string;
      debit: string;
      credit: string;
      amount: string;
      currency: string /** What it is about: an exchange, a grant, an invoice. */;
      reference: string | null;
      batch: string | null;
    };
    RerateStep: {
      examined: number;
      corrected: number;
      quarantined: number;
      unpriced: number;
      changes: {
        book: 'buy' | 'sell';
        model: string;
        currency: string;
        fromVersion: string;
        toVersion: string;
        charges: number;
        before: string;
        after: string;
      }[];
      samples: ({ exchange: string; before: string; after: string } & Record<
        string,
        unknown
      >)[] /** Everything before this instant is done; null: all of it. */;
      through: string | null /** Send it as `after` to go on. */;
      next?: string;
    };
    Report: {
      report: 'usage' | 'spend' | 'margin';
      by: string[];
      grain: 'total' | 'hour' | 'day' | 'month' /** Start of the first hour that is covered. */;
      from: string /** End of the last hour that is covered. */;
      to: string /** What was asked for, where whole hours are more. */;
      asked?: { from: string; to: string };
      comparedWith?: {
        from: string;
        to: string;
      } /** Values by name. Money is exact decimal text in `currency`; counts are numbers, or text beyond 2⁵³−1. sharePpm: parts per million of the total. */;
      rows: ({ currency: string | null } & Record<string, unknown>)[];
      totals: ({ currency: string | null } & Record<string, unknown>)[];
      concentration: {
        of: string;
        measure: string;
        currency: string | null;
        count: number /** Sum of the squares of shares, in parts per million. */;
        hhiPpm: number;
        top: { value: string; sharePpm: number };
      }[];
      next?: string;
    };
    Login: {
      /** To be sent as a bearer; absent where a cookie was asked for. */ token?: string;
      csrf: string;
      expiresAt: string;
    };
    WhoAmI: {
      actor: { kind: 'admin-key' | 'user' | 'service-account'; id: string; name: string };
      grants: components['schemas']['RoleGrant'][];
      session: {
        id: string;
        way: 'password' | 'oidc' | 'admin-key';
        createdAt: string;
        expiresAt: string;
      } | null /** To be sent as x-carrier-csrf with every change that is asked for with the cookie. */;
      csrf: string | null;
    };
    RoleGrant: {
      /** docs/reference/permissions.md says what each may do. */ role:
        | 'operator'
        | 'owner'
        | 'billing'
        | 'developer'
        | 'auditor'
        | 'provider' /** Of roles in an organisation. */;
      organisation?: string /** Only these of its projects, by their names in it; the whole organisation unless said. */;
      projects?: string[] /** Of the role provider: the provider accounts that it sees. */;
      providers?: string[];
    };
    Session: {
      id: string;
      way: 'password' | 'oidc';
      address: string;
      agent: string;
      createdAt: string;
      usedAt: string;
      expiresAt: string /** The one that asks. */;
      isThis: boolean;
    };
    Member: {
      id: string;
      user: string | null;
      serviceAccount: string | null /** A person’s address, or a service account’s name. */;
      name: string;
      grant: components['schemas']['RoleGrant'];
      grantedBy: string;
      createdAt: string;
    };
    Invitation: {
      id: string;
      email: string;
      grant: components['schemas']['RoleGrant'];
      invitedBy: string;
      createdAt: string;
      expiresAt: string;
    };
    User: {
      id: string;
      email: string | null;
      name: string;
      state: 'active' | 'disabled';
      hasPassword: boolean;
      hasTotp: boolean /** The login provider that knows them. */;
      issuer: string | null /** As the login provider said at the last login. */;
      groups: string[];
      createdAt: string;
    };
    ServiceAccount: {
      id: string;
      name: string /** null: of the installation. */;
      organisation: string | null;
      state: 'active' | 'disabled';
      createdAt: string;
      tokens: components['schemas']['ServiceAccountToken'][];
    };
    ServiceAccountToken: {
      id: string;
      createdAt: string;
      expiresAt: string;
      revokedAt: string | null /** To the minute. */;
      usedAt: string | null;
    };
    Secrets: {
      masterKey: {
        /** What the database knows the master key by; opens nothing. */ fingerprint: string;
        changedAt: string | null /** true: kept in master.key by the server. false: given by setting. */;
        isOurs: boolean /** Running with the master key of before: start them again with the new one. */;
        outdatedReplicas: string[];
      };
      keys: {
        id: string /** active: seals. retiring: opens what was sealed before; ends 25 hours after `retiredAt` once nothing needs it. */;
        state: 'active' | 'retiring';
        createdAt: string;
        retiredAt: string | null;
      }[];
      references: {
        usedBy: string;
        reference: string /** Why this replica cannot read it; what was read last goes on being used. null: it can. */;
        problem: string | null /** Is what it says now what is in use? */;
        isSame: boolean | null;
      }[];
    };
    Webhook: {
      id: string /** null: of the installation, told of every organisation. */;
      organisation: string | null;
      url: string;
      description: string;
      events: string[] /** failed: nothing has succeeded for five days, or it answered 410; set to active once it is mended. */;
      state: 'active' | 'paused' | 'failed' /** The secret of before signs, too, until then. */;
      previousUntil: string | null;
      failingSince: string | null;
      createdAt: string;
      updatedAt: string;
    };
    WebhookDelivery: {
      /** Sent as webhook-id, the same at each attempt. */ id: string;
      webhook: string;
      organisation: string | null;
      kind: string /** waiting: until dueAt. failed: eight attempts were in vain. given-up: its webhook is disabled, or too many waited. */;
      state: 'waiting' | 'delivered' | 'failed' | 'given-up';
      attempts: number;
      createdAt: string;
      dueAt: string | null;
      attemptedAt: string | null /** What the newest attempt was answered with. */;
      status: number | null;
      error: string | null;
      body?: unknown;
    };
  };
}
