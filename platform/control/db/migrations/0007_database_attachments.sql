CREATE TABLE "database_attachments" (
	"database_id" text NOT NULL,
	"app_id" text NOT NULL,
	"target" text NOT NULL,
	"branches" boolean NOT NULL,
	CONSTRAINT "database_attachments_target" UNIQUE("app_id","target"),
	CONSTRAINT "database_attachments_targets" CHECK ("database_attachments"."target" in ('production', 'preview')),
	CONSTRAINT "database_attachments_branches" CHECK ("database_attachments"."target" = 'preview' or not "database_attachments"."branches")
);
--> statement-breakpoint
ALTER TABLE "databases" ADD COLUMN "preview" jsonb;--> statement-breakpoint
ALTER TABLE "database_attachments" ADD CONSTRAINT "database_attachments_database_id_databases_id_fk" FOREIGN KEY ("database_id") REFERENCES "public"."databases"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "database_attachments" ADD CONSTRAINT "database_attachments_app_id_apps_id_fk" FOREIGN KEY ("app_id") REFERENCES "public"."apps"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "database_attachments_database" ON "database_attachments" USING btree ("database_id");