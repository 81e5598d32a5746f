// Qt: QProcess, on QCoreApplication's event loop.

#include "driver.hpp"

#include <QCoreApplication>
#include <QProcess>

#include <array>

struct qt_peer {
  void start(char* const* argv, bench::job& job)
  {
    auto* child = new QProcess;
    child->setStandardOutputFile(QProcess::nullDevice());
    silence_others(*child);
    watch(*child, job);
    QObject::connect(child, &QProcess::started, [child, &job] { note_pid(*child, job); });
    begin(*child, argv);
    note_pid(*child, job);
  }

  void run_one() { QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents); }

  std::size_t capture(char* const* argv)
  {
    QProcess child;
    silence_others(child);
    run_piped(child, argv);
    return static_cast<std::size_t>(child.readAllStandardOutput().size());
  }

  std::uint64_t drain(char* const* argv)
  {
    QProcess child;
    silence_others(child);
    std::uint64_t total = 0;
    QObject::connect(&child, &QProcess::readyReadStandardOutput, [&] {
      while (child.bytesAvailable() > 0)
        total += static_cast<std::uint64_t>(
            child.read(buffer_.data(), static_cast<qint64>(buffer_.size())));
    });
    run_piped(child, argv);
    return total;
  }

private:
  static void silence_others(QProcess& child)
  {
    child.setStandardInputFile(QProcess::nullDevice());
    child.setStandardErrorFile(QProcess::nullDevice());
  }

  static void note_pid(const QProcess& child, bench::job& job)
  {
    job.pid = static_cast<pid_t>(child.processId());
  }

  static void watch(QProcess& child, bench::job& job)
  {
    QObject::connect(&child, qOverload<int, QProcess::ExitStatus>(&QProcess::finished),
                     [&child, &job](int code, QProcess::ExitStatus status) {
                       job.clean = status == QProcess::NormalExit && code == 0;
                       job.done = true;
                       child.deleteLater(); // Not inside its own signal.
                     });
  }

  static void begin(QProcess& child, char* const* argv)
  {
    QStringList words;
    for (char* const* word = argv + 1; *word; ++word)
      words << QString::fromLocal8Bit(*word);
    child.start(QString::fromLocal8Bit(argv[0]), words);
  }

  void run_piped(QProcess& child, char* const* argv)
  {
    bool done = false;
    QObject::connect(&child, qOverload<int, QProcess::ExitStatus>(&QProcess::finished),
                     [&](int, QProcess::ExitStatus) { done = true; });
    begin(child, argv);
    while (!done)
      run_one();
    bench::require(child.exitStatus() == QProcess::NormalExit && child.exitCode() == 0,
                   "the child failed");
  }

  int argc_ = 1;
  std::array<char, 3> name_{"qt"};
  std::array<char*, 2> argv_{name_.data(), nullptr};
  QCoreApplication application_{argc_, argv_.data()};
  std::array<char, 65536> buffer_{};
};

int main(int argc, char** argv)
{
  return bench::run_driver<qt_peer>(argc, argv, "Qt", qVersion());
}
