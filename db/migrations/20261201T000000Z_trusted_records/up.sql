-- What a record says of who made it is not for whoever makes it to choose, and what is sent on from here is sealed by who wrote it.
CREATE FUNCTION name_recorder() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.occurred_at := now();
  NEW.database_user := session_user;
  -- Whoever does not act for the owner may say that anybody did it: it stands as what that role says. Also of code that runs with its
  -- rights in a session of somebody else's.
  IF NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
    NEW.database_user := current_user;
    NEW.actor := format('%s: %s', current_user, NEW.actor);
  END IF;
  RETURN NEW;
END
$$;

COMMENT ON FUNCTION name_recorder() IS 'Trigger of operations: when, and which role, are what they are';

CREATE TRIGGER operations_recorder BEFORE INSERT ON operations FOR EACH ROW EXECUTE FUNCTION name_recorder();

COMMENT ON COLUMN operations.actor IS 'Who did it: an operating system user and host, or a console role; of a role that does not act for the owner behind its name';

ALTER TABLE alert_deliveries ADD COLUMN seal text;

COMMENT ON COLUMN alert_deliveries.seal IS 'HMAC-SHA256 of what is told, by a secret of the channel: nobody else''s words are sent';
