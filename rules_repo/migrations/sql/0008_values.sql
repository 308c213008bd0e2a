-- A value of a list that is no number is told as such. PostgreSQL may work out an arm of CASE before it asks whether the arm is taken,
-- where it knows the value; a function of steps is not worked out before.

CREATE OR REPLACE FUNCTION rules.is_list_value(type text, value jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    digits integer;
    places integer;
BEGIN
    IF value = 'null' THEN
        RETURN true;
    ELSIF type !~ '^decimal' THEN
        RETURN rules.is_parameter(jsonb_build_object(type, value));
    ELSIF NOT rules.is_parameter(jsonb_build_object('decimal', value)) THEN
        RETURN false;
    END IF;
    digits := substring(type FROM '\((\d+)')::integer;
    places := substring(type FROM ',(\d+)')::integer;
    RETURN (value #>> '{}')::numeric = round((value #>> '{}')::numeric, places)
        AND abs((value #>> '{}')::numeric) < power(10::numeric, digits - places);
END $$;
