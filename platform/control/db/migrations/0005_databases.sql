CREATE TABLE "databases" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "databases_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project_id" text NOT NULL,
	"name" text NOT NULL,
	"dbname" text NOT NULL,
	"endpoint" text NOT NULL,
	"status" text NOT NULL,
	"password" text NOT NULL,
	"backup_key" text NOT NULL,
	"disk" text,
	"memory_mib" integer NOT NULL,
	"disk_mib" integer NOT NULL,
	"idle_seconds" double precision NOT NULL,
	"keep_awake" jsonb NOT NULL,
	"parent" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "databases_endpoint" UNIQUE("endpoint"),
	CONSTRAINT "databases_name" UNIQUE("project_id","name"),
	CONSTRAINT "databases_status" CHECK ("databases"."status" in ('creating', 'ready', 'removing'))
);
--> statement-breakpoint
ALTER TABLE "databases" ADD CONSTRAINT "databases_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE cascade ON UPDATE no action;