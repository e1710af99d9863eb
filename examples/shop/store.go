package main

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// store keeps the shop's data in one SQLite file, or in a Postgres. SQLite has one writer
// at a time: a pool of one connection queues writers in order, where several would
// find each other's lock and sleep. Readers have a pool of their own, which in
// WAL mode no writer blocks. Postgres needs one pool for both.
type store struct {
	write, read *sql.DB
	system      attribute.KeyValue // of its spans
	tracer      trace.Tracer
}

// query does something with a table, in a span. The wait for a connection is in it: a
// driver would see only what comes after.
func (s *store) query(ctx context.Context, operation, table string, do func(context.Context) error) error {
	return inSpan(ctx, s.tracer, operation+" "+table, do,
		s.system, semconv.DBOperationName(operation), semconv.DBCollectionName(table))
}

// inTx calls do in a transaction, and commits unless that fails.
func (s *store) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit there is nothing to roll back
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// enqueueFunc enqueues the mail of an order in the order's transaction, and returns the task.
type enqueueFunc func(ctx context.Context, tx *sql.Tx) (task int64, err error)

// addOrder writes the order, its sale and the task of its mail, or nothing of it. Enqueue is nil if the mail is no durable
// task.
func (s *store) addOrder(ctx context.Context, o *order, enqueue enqueueFunc) error {
	return s.query(ctx, "INSERT", "orders", func(ctx context.Context) error {
		return s.inTx(ctx, func(tx *sql.Tx) error { return insertOrder(ctx, tx, o, enqueue) })
	})
}

func insertOrder(ctx context.Context, tx *sql.Tx, o *order, enqueue enqueueFunc) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO orders VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
		o.ID, o.Placed.UnixMicro(), string(o.Mode), o.Name, o.Email, o.Product.ID, o.Quantity, int64(o.Total)); err != nil {
		return err
	}
	if enqueue != nil {
		task, err := enqueue(ctx, tx)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO mails VALUES ($1,$2,0)`, o.ID, task); err != nil {
			return err
		}
	}
	// The last, as all orders of a product wait for this row until the transaction ends.
	_, err := tx.ExecContext(ctx, `INSERT INTO sales VALUES ($1,$2)
		ON CONFLICT (product) DO UPDATE SET quantity = sales.quantity + excluded.quantity`, o.Product.ID, o.Quantity)
	return err
}

// order reads one order; sql.ErrNoRows if there is none of that id.
func (s *store) order(ctx context.Context, id string) (*order, error) {
	o := &order{ID: id}
	var placed int64
	var productID, mode string
	err := s.read.QueryRowContext(ctx, `SELECT placed, mode, name, email, product, quantity, total FROM orders WHERE id = $1`, id).
		Scan(&placed, &mode, &o.Name, &o.Email, &productID, &o.Quantity, &o.Total)
	if err != nil {
		return nil, err
	}
	o.Placed, o.Mode = time.UnixMicro(placed), placeMode(mode)
	p, ok := productByID(productID)
	if !ok { // written by another version of the shop
		p = product{ID: productID, Name: productID}
	}
	o.Product = p
	return o, nil
}

var errSignedUp = errors.New("this address has signed up before")

// addSignup returns errSignedUp if the address is on the list already.
func (s *store) addSignup(ctx context.Context, u signup) error {
	added := int64(0)
	err := s.query(ctx, "INSERT", "signups", func(ctx context.Context) error {
		res, err := s.write.ExecContext(ctx, `INSERT INTO signups VALUES ($1,$2,$3) ON CONFLICT DO NOTHING`,
			u.Email, u.Name, time.Now().UnixMicro())
		if err != nil {
			return err
		}
		added, err = res.RowsAffected()
		return err
	})
	if err == nil && added == 0 {
		return errSignedUp
	}
	return err
}

func (s *store) addAnalytics(ctx context.Context, event string, o *order, v visit) error {
	return s.query(ctx, "INSERT", "analytics", func(ctx context.Context) error {
		_, err := s.write.ExecContext(ctx, `INSERT INTO analytics VALUES ($1,$2,$3,$4,$5,$6,$7)`,
			time.Now().UnixMicro(), event, o.ID, o.Product.ID, int64(o.Total), v.Language, v.Referer)
		return err
	})
}

func (s *store) addActivity(ctx context.Context, o *order, v visit) error {
	return s.query(ctx, "INSERT", "activity", func(ctx context.Context) error {
		_, err := s.write.ExecContext(ctx, `INSERT INTO activity VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
			time.Now().UnixMicro(), o.ID, v.Session, v.UserAgent, v.Remote, v.Route, v.Status, v.Took.Microseconds())
		return err
	})
}

// sale is how often a product was sold.
type sale struct {
	Product  product
	Quantity int
}

// bestSellers returns the products sold most, best first.
func (s *store) bestSellers(ctx context.Context, limit int) (sales []sale, err error) {
	err = s.query(ctx, "SELECT", "sales", func(ctx context.Context) (err error) {
		sales, err = s.readSales(ctx, limit)
		return err
	})
	return sales, err
}

func (s *store) readSales(ctx context.Context, limit int) ([]sale, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT product, quantity FROM sales ORDER BY quantity DESC, product LIMIT $1`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var sales []sale
	for rows.Next() {
		var id string
		var sold sale
		if err := rows.Scan(&id, &sold.Quantity); err != nil {
			return nil, err
		}
		if p, ok := productByID(id); ok {
			sold.Product = p
			sales = append(sales, sold)
		}
	}
	return sales, rows.Err()
}

// durableMail is a mail that is a durable task.
type durableMail struct {
	Task int64
	Sent time.Time // zero: not yet
}

// mailOf returns the durable mail of an order; sql.ErrNoRows if it has none.
func (s *store) mailOf(ctx context.Context, order string) (m durableMail, err error) {
	var sent int64
	err = s.read.QueryRowContext(ctx, `SELECT task, sent FROM mails WHERE order_id = $1`, order).Scan(&m.Task, &sent)
	if sent != 0 {
		m.Sent = time.UnixMicro(sent)
	}
	return m, err
}

// mailSent notes that the mail of an order was sent.
func (s *store) mailSent(ctx context.Context, order string) error {
	return s.query(ctx, "UPDATE", "mails", func(ctx context.Context) error {
		_, err := s.write.ExecContext(ctx, `UPDATE mails SET sent = $1 WHERE order_id = $2`, time.Now().UnixMicro(), order)
		return err
	})
}
