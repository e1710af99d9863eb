package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// store keeps the shop's data in one SQLite file. SQLite has one writer at a
// time: a pool of one connection queues writers in order, where several would
// find each other's lock and sleep. Readers have a pool of their own, which in
// WAL mode no writer blocks.
type store struct {
	write, read *sql.DB
	tracer      trace.Tracer
}

// query does something with a table, in a span. The wait for a connection is in it: a
// driver would see only what comes after.
func (s *store) query(ctx context.Context, operation, table string, do func(context.Context) error) error {
	return inSpan(ctx, s.tracer, operation+" "+table, do,
		semconv.DBSystemNameSQLite, semconv.DBOperationName(operation), semconv.DBCollectionName(table))
}

// The table sales is kept along with the orders, so that the best sellers cost
// the same however many orders there are.
const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id TEXT PRIMARY KEY, placed INTEGER NOT NULL, mode TEXT NOT NULL,
	name TEXT NOT NULL, email TEXT NOT NULL,
	product TEXT NOT NULL, quantity INTEGER NOT NULL, total INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sales (product TEXT PRIMARY KEY, quantity INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS signups (email TEXT PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS analytics (
	at INTEGER NOT NULL, event TEXT NOT NULL, order_id TEXT NOT NULL, product TEXT NOT NULL,
	total INTEGER NOT NULL, language TEXT NOT NULL, referer TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS activity (
	at INTEGER NOT NULL, order_id TEXT NOT NULL, session TEXT NOT NULL, user_agent TEXT NOT NULL,
	remote TEXT NOT NULL, route TEXT NOT NULL, status INTEGER NOT NULL, took_us INTEGER NOT NULL
) STRICT;`

// openStore opens or creates the file. Its errors say what to do.
func openStore(ctx context.Context, file string, tracer trace.Tracer) (*store, error) {
	s, err := openFile(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("cannot use the database %s: %w: name a writable file with -db", file, err)
	}
	s.tracer = tracer
	return s, nil
}

func openFile(ctx context.Context, file string) (*store, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o700); err != nil {
		return nil, err
	}
	// SQLite reports both of these as one vague error, the system does not.
	f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(abs), RawQuery: url.Values{"_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)",
	}, "_txlock": {"immediate"}}.Encode()}).String()
	s := new(store)
	if s.write, err = sql.Open("sqlite", dsn); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", dsn); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetMaxIdleConns(4)
	if _, err := s.write.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *store) close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// addOrder writes the order and its sale, or neither.
func (s *store) addOrder(ctx context.Context, o *order) error {
	return s.query(ctx, "INSERT", "orders", func(ctx context.Context) error { return s.insertOrder(ctx, o) })
}

func (s *store) insertOrder(ctx context.Context, o *order) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit there is nothing to roll back
	if _, err := tx.ExecContext(ctx, `INSERT INTO orders VALUES (?,?,?,?,?,?,?,?)`,
		o.ID, o.Placed.UnixMicro(), string(o.Mode), o.Name, o.Email, o.Product.ID, o.Quantity, int64(o.Total)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO sales VALUES (?,?)
		ON CONFLICT (product) DO UPDATE SET quantity = quantity + excluded.quantity`, o.Product.ID, o.Quantity); err != nil {
		return err
	}
	return tx.Commit()
}

// order reads one order; sql.ErrNoRows if there is none of that id.
func (s *store) order(ctx context.Context, id string) (*order, error) {
	o := &order{ID: id}
	var placed int64
	var productID, mode string
	err := s.read.QueryRowContext(ctx, `SELECT placed, mode, name, email, product, quantity, total FROM orders WHERE id = ?`, id).
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
		res, err := s.write.ExecContext(ctx, `INSERT INTO signups VALUES (?,?,?) ON CONFLICT DO NOTHING`,
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
		_, err := s.write.ExecContext(ctx, `INSERT INTO analytics VALUES (?,?,?,?,?,?,?)`,
			time.Now().UnixMicro(), event, o.ID, o.Product.ID, int64(o.Total), v.Language, v.Referer)
		return err
	})
}

func (s *store) addActivity(ctx context.Context, o *order, v visit) error {
	return s.query(ctx, "INSERT", "activity", func(ctx context.Context) error {
		_, err := s.write.ExecContext(ctx, `INSERT INTO activity VALUES (?,?,?,?,?,?,?,?)`,
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
	rows, err := s.read.QueryContext(ctx, `SELECT product, quantity FROM sales ORDER BY quantity DESC, product LIMIT ?`, limit)
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
