# Loads a cask as Homebrew does on each system, and prints as JSON what it would install.
# A stanza that Homebrew does not know is an error. Usage: ruby cask.rb FILE
require "json"

$system = nil

module OS
  def self.mac? = $system == "macos"
end

# Cask has the stanzas of https://docs.brew.sh/Cask-Cookbook#stanzas that are used here.
class Cask
  attr_reader :stanzas

  def initialize(processor)
    @processor = processor
    @stanzas = Hash.new { |hash, name| hash[name] = [] }
  end

  %i[version url sha256 name desc homepage binary manpage bash_completion fish_completion zsh_completion].each do |name|
    define_method(name) { |value = nil| value ? @stanzas[name] << value : @stanzas[name].first }
  end

  def on_macos(&block) = $system == "macos" && instance_eval(&block)
  def on_linux(&block) = $system == "linux" && instance_eval(&block)
  def on_intel(&block) = @processor == "intel" && instance_eval(&block)
  def on_arm(&block) = @processor == "arm" && instance_eval(&block)

  def postflight(&block) = instance_eval(&block)
  def staged_path = "STAGED"
  def system_command(program, args:) = @stanzas[:run] << [program, *args]

  def livecheck(&block) = instance_eval(&block)
  def skip(_reason) = nil
end

found = %w[macos linux].product(%w[intel arm]).to_h do |system, processor|
  $system = system
  cask = Cask.new(processor)
  define_singleton_method(:cask) do |token, &block|
    cask.stanzas[:token] << token
    cask.instance_eval(&block)
  end
  eval(File.read(ARGV[0]), binding, ARGV[0])
  ["#{system} #{processor}", cask.stanzas]
end
puts JSON.generate(found)
