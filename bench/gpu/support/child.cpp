#include "support/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "core/error.h"

extern char** environ;

namespace honeybee::gpu {
namespace {

using Clock = std::chrono::steady_clock;

// A pipe whose ends are closed with the object.
class Pipe {
 public:
  Pipe() {
    require(pipe2(ends_, O_CLOEXEC) == 0, ErrorCode::kDevice, "cannot open a pipe: too many files are open");
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void close_writing() { close_end(1); }

 private:
  void close_end(int i) {
    if (ends_[i] >= 0) close(ends_[i]);
    ends_[i] = -1;
  }
  int ends_[2];
};

// What posix_spawn does in the child: both outputs into the pipe, nothing to read.
class Redirection {
 public:
  explicit Redirection(const Pipe& pipe) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, pipe.writing(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, pipe.writing(), STDERR_FILENO);
  }
  ~Redirection() { posix_spawn_file_actions_destroy(&actions_); }
  Redirection(const Redirection&) = delete;
  Redirection& operator=(const Redirection&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  for (const std::string& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

// The added variables come first: of two with one name, getenv finds the first.
std::vector<std::string> with_environment(std::vector<std::string> added) {
  for (char** entry = environ; *entry != nullptr; entry++) added.emplace_back(*entry);
  return added;
}

// Hands on whole lines of what has arrived; the last one too once the output has ended.
class Lines {
 public:
  explicit Lines(const std::function<void(const std::string&)>& on_line) : on_line_(on_line) {}
  ~Lines() {
    if (!rest_.empty() && on_line_) on_line_(rest_);
  }
  void add(const std::string& text) {
    rest_ += text;
    size_t begin = 0;
    for (size_t end; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      if (on_line_) on_line_(rest_.substr(begin, end - begin));
    }
    rest_.erase(0, begin);
  }

 private:
  const std::function<void(const std::string&)>& on_line_;
  std::string rest_;
};

// Reads until the program closes its output; false when the time is over first.
bool read_all(int descriptor, Clock::time_point deadline, Lines& lines, std::string& output) {
  char buffer[4096];
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting = {descriptor, POLLIN, 0};
    const int ready = left > 0 ? poll(&waiting, 1, static_cast<int>(left)) : 0;
    if (ready == 0) return false;
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    const std::string text(buffer, static_cast<size_t>(count));
    output += text;
    lines.add(text);
  }
}

}  // namespace

ChildEnd run(const Child& child) {
  ChildEnd end;
  pid_t id = 0;
  Pipe pipe;
  {
    const Redirection redirection(pipe);
    const std::vector<std::string> environment = with_environment(child.environment);
    const int error = posix_spawnp(&id, child.command.front().c_str(), redirection.get(), nullptr,
                                   pointers(child.command).data(), pointers(environment).data());
    if (error != 0) return {127, false, child.command.front() + " cannot be started\n"};
  }
  pipe.close_writing();
  const auto limit =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(child.seconds));
  Lines lines(child.on_line);
  end.timed_out = !read_all(pipe.reading(), Clock::now() + limit, lines, end.output);
  if (end.timed_out) kill(id, SIGKILL);
  int status = 0;
  while (waitpid(id, &status, 0) < 0 && errno == EINTR) continue;
  end.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return end;
}

std::string first_line(const std::vector<std::string>& command) {
  const ChildEnd end = run({.command = command, .environment = {}, .seconds = 20.0, .on_line = {}});
  return end.code == 0 ? end.output.substr(0, end.output.find('\n')) : "";
}

}  // namespace honeybee::gpu
