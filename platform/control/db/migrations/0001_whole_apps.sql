CREATE TABLE "builds" (
	"project_id" text NOT NULL,
	"day" text NOT NULL,
	"seconds" double precision NOT NULL,
	CONSTRAINT "builds_day" UNIQUE("project_id","day")
);
--> statement-breakpoint
CREATE TABLE "domains" (
	"app_id" text NOT NULL,
	"host" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "domains_host" UNIQUE("host")
);
--> statement-breakpoint
CREATE TABLE "environment" (
	"app_id" text NOT NULL,
	"target" text NOT NULL,
	"name" text NOT NULL,
	"value" text NOT NULL,
	"bytes" integer NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "environment_name" UNIQUE("app_id","target","name")
);
--> statement-breakpoint
ALTER TABLE "deployments" DROP CONSTRAINT "deployments_ready_is_whole";--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "scaling" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "crons" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "deployments" ADD COLUMN "environment" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "projects" ADD COLUMN "limits" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "builds" ADD CONSTRAINT "builds_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "domains" ADD CONSTRAINT "domains_app_id_apps_id_fk" FOREIGN KEY ("app_id") REFERENCES "public"."apps"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "environment" ADD CONSTRAINT "environment_app_id_apps_id_fk" FOREIGN KEY ("app_id") REFERENCES "public"."apps"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "domains_app" ON "domains" USING btree ("app_id");--> statement-breakpoint
ALTER TABLE "deployments" ADD CONSTRAINT "deployments_ready_is_whole" CHECK ("deployments"."status" <> 'ready' or ("deployments"."kind" is not null and "deployments"."run" is not null and "deployments"."ready_at" is not null));