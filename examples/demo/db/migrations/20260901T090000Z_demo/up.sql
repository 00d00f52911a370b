-- A small service of the kind that Holdfast is for. Some of its faults are planted, and say so.
CREATE TABLE users (
  id uuid PRIMARY KEY,
  email text NOT NULL UNIQUE,
  name text NOT NULL,
  role text NOT NULL DEFAULT 'member',
  created_at timestamptz NOT NULL,
  last_login_at timestamptz
);
-- Planted: the same columns as the unique constraint above.
CREATE INDEX users_email_again ON users (email);

CREATE TABLE projects (
  id uuid PRIMARY KEY,
  owner_id uuid NOT NULL REFERENCES users,
  name text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX projects_owner_id ON projects (owner_id);

CREATE TABLE documents (
  id uuid PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES projects,
  author_id uuid NOT NULL REFERENCES users,
  title text NOT NULL,
  body text NOT NULL,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz
);
CREATE INDEX documents_project_id_updated_at ON documents (project_id, updated_at DESC);
CREATE INDEX documents_author_id ON documents (author_id);
-- Planted: nobody asks for it.
CREATE INDEX documents_version ON documents (version);

CREATE TABLE workflow_instances (
  id uuid PRIMARY KEY,
  -- Planted: a foreign key without an index.
  document_id uuid NOT NULL REFERENCES documents,
  workflow text NOT NULL,
  state text NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz
);
CREATE INDEX workflow_instances_state ON workflow_instances (state) WHERE finished_at IS NULL;

CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users,
  user_agent text NOT NULL,
  created_at timestamptz NOT NULL,
  last_activity timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE activity_logs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  occurred_at timestamptz NOT NULL,
  user_id uuid NOT NULL,
  action text NOT NULL,
  entity_id uuid,
  duration_ms integer NOT NULL
);
CREATE INDEX activity_logs_user_id_occurred_at ON activity_logs (user_id, occurred_at DESC);
CREATE INDEX activity_logs_occurred_at ON activity_logs USING brin (occurred_at);
