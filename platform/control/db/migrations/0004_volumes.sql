CREATE TABLE "volume_snapshots" (
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "volume_snapshots_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"volume_id" text NOT NULL,
	"name" text NOT NULL,
	"disk" text NOT NULL,
	"size_mib" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "volume_snapshots_disk" UNIQUE("disk"),
	CONSTRAINT "volume_snapshots_name" UNIQUE("volume_id","name")
);
--> statement-breakpoint
CREATE TABLE "volumes" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "volumes_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project_id" text NOT NULL,
	"name" text NOT NULL,
	"disk" text NOT NULL,
	"size_mib" integer NOT NULL,
	"app_id" text,
	"path" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "volumes_disk" UNIQUE("disk"),
	CONSTRAINT "volumes_name" UNIQUE("project_id","name")
);
--> statement-breakpoint
ALTER TABLE "volume_snapshots" ADD CONSTRAINT "volume_snapshots_volume_id_volumes_id_fk" FOREIGN KEY ("volume_id") REFERENCES "public"."volumes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "volumes" ADD CONSTRAINT "volumes_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "volumes" ADD CONSTRAINT "volumes_app_id_apps_id_fk" FOREIGN KEY ("app_id") REFERENCES "public"."apps"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "volumes_app" ON "volumes" USING btree ("app_id");