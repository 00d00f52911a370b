DROP TABLE activity_logs, sessions, workflow_instances, documents, projects, users;
