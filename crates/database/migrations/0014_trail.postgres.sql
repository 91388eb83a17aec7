insert into audit_head (id, number, hash, checkpoints, checked, seal) values (1, 0, '', 0, '', '');

create function audit_is_only_added_to() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is only added to';
end
$$;
create trigger audit_entries_stay before update or delete on audit_entries
    for each row execute function audit_is_only_added_to();
create trigger audit_entries_remain before truncate on audit_entries
    for each statement execute function audit_is_only_added_to();
create trigger audit_checkpoints_stay before update or delete on audit_checkpoints
    for each row execute function audit_is_only_added_to();
create trigger audit_checkpoints_remain before truncate on audit_checkpoints
    for each statement execute function audit_is_only_added_to();
create trigger audit_head_advances before update on audit_head
    for each row when (new.number < old.number or new.checkpoints < old.checkpoints)
    execute function audit_is_only_added_to();
