insert into audit_head (id, number, hash, checkpoints, checked, seal) values (1, 0, x'', 0, x'', x'');

create trigger audit_entries_stay before update on audit_entries
begin select raise(abort, 'the audit trail is only added to'); end;
create trigger audit_entries_remain before delete on audit_entries
begin select raise(abort, 'the audit trail is only added to'); end;
create trigger audit_checkpoints_stay before update on audit_checkpoints
begin select raise(abort, 'the audit trail is only added to'); end;
create trigger audit_checkpoints_remain before delete on audit_checkpoints
begin select raise(abort, 'the audit trail is only added to'); end;
create trigger audit_head_advances before update on audit_head
when new.number < old.number or new.checkpoints < old.checkpoints
begin select raise(abort, 'the audit trail is only added to'); end;
