-- name: InsertRemark :exec
INSERT INTO booking_remark (city, visit, id, at_us, author, sealed)
VALUES (@city, @visit, @id, @at_us, @author, @sealed);

-- name: Remarks :many
-- Ids rise with time, so the key's order is the order they were written in.
SELECT city, visit, id, at_us, author, sealed
FROM booking_remark
WHERE city = @city AND visit = @visit
ORDER BY id;
