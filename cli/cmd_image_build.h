/* cmd_image_build.h - image build, a command of the image family. */
#ifndef TINYPART_CLI_CMD_IMAGE_BUILD_H
#define TINYPART_CLI_CMD_IMAGE_BUILD_H

struct call;

int image_build(struct call *call);

#endif
